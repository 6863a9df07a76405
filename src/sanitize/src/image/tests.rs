//! Pictures through rebuild and verify; all made here.

use std::io::Cursor;

use image::{DynamicImage, GenericImageView as _, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

mod bmp;
mod gif;
mod heif;
mod jpeg;
mod webp;

use super::exif::block;
use super::*;
use crate::identify::Declared;
use crate::job::{NoInspector, Settings, bench, sanitize};
use crate::report::{Removed, Verdict, What};

/// A photograph of sorts: smooth, with an edge.
fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match x > width / 2 {
        true => Rgb([u8::try_from(x * 255 / width).unwrap(), u8::try_from(y * 255 / height).unwrap(), 90]),
        false => Rgb([200, 30, u8::try_from((x + y) % 256).unwrap()]),
    })
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Vec::new();
    image.write_to(&mut Cursor::new(&mut out), format).unwrap();
    out
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    written(&photo(width, height).into(), ImageFormat::Png)
}

pub(super) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 70);
    photo(width, height).write_with_encoder(encoder).unwrap();
    out
}

fn tried(bytes: &[u8], format: Format, limits: &Limits) -> (Result<Vec<u8>, Failure>, Vec<Removed>) {
    let (result, removed, _) = bench(limits, |job| {
        let rewritten = rebuild(bytes, format, job)?;
        verify(&rewritten.bytes, format, job)?;
        Ok(rewritten.bytes)
    });
    (result, removed)
}

pub(super) fn rebuilt(bytes: &[u8], format: Format) -> (Vec<u8>, Vec<(What, String)>) {
    let (result, removed) = tried(bytes, format, &Limits::default());
    let out = result.unwrap();
    let (again, nothing) = tried(&out, format, &Limits::default());
    assert!(again.unwrap() == out && nothing.is_empty(), "idempotent");
    (out, removed.into_iter().map(|r| (r.what, r.r#where)).collect())
}

pub(super) fn fails(bytes: &[u8], format: Format) -> Failure {
    tried(bytes, format, &Limits::default()).0.unwrap_err()
}

/// The verifier by itself does not let `bytes` through, and says why.
#[track_caller]
pub(super) fn unproved(bytes: &[u8], format: Format, why: &str) {
    let (result, ..) = bench(&Limits::default(), |job| verify(bytes, format, job));
    match result {
        Err(Failure::Unproved(reason)) => assert!(reason.contains(why), "{why}: {reason}"),
        other => panic!("{why}: {other:?}"),
    }
}

/// A JPEG with a segment behind its first one.
fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..20], &[0xff, marker], &length, body, &jpeg[20..]].concat()
}

fn exif(entries: &[(u16, u16)]) -> Vec<u8> {
    [b"Exif\0\0".to_vec(), block(entries)].concat()
}

/// A PNG with a chunk behind its header.
fn with_chunk(png: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::new();
    png::chunks::put(&mut chunk, name, data);
    [&png[..33], &chunk, &png[33..]].concat()
}

/// Mean difference of all samples.
pub(super) fn difference(a: &DynamicImage, b: &DynamicImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let (a, b) = (a.to_rgb8().into_raw(), b.to_rgb8().into_raw());
    let sum: u32 = a.iter().zip(&b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / f64::from(u32::try_from(a.len()).unwrap())
}

#[test]
fn a_jpeg_keeps_its_picture() {
    use jpeg_encoder::SamplingFactor::{R_4_1_1, R_4_2_0, R_4_2_2, R_4_4_0, R_4_4_4};
    let sizes = [(1, 1), (8, 8), (9, 17), (100, 67), (17, 300)];
    for (width, height, sampling) in
        sizes.iter().flat_map(|&(w, h)| [R_4_4_4, R_4_2_2, R_4_2_0, R_4_4_0, R_4_1_1].map(|s| (w, h, s)))
    {
        let mut original = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut original, 70);
        encoder.set_sampling_factor(sampling);
        let (w, h) = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
        encoder.encode(photo(width, height).as_raw(), w, h, jpeg_encoder::ColorType::Rgb).unwrap();
        let (out, removed) = rebuilt(&original, Format::Jpeg);
        assert!(removed.is_empty());
        let before = image::load_from_memory(&original).unwrap();
        let difference = difference(&before, &image::load_from_memory(&out).unwrap());
        assert!(difference < 6.0, "{width}x{height} {sampling:?}: {difference}");
    }
    let gray =
        written(&DynamicImage::ImageLuma8(DynamicImage::from(photo(30, 20)).to_luma8()), ImageFormat::Jpeg);
    let (out, _) = rebuilt(&gray, Format::Jpeg);
    assert_eq!(image::load_from_memory(&out).unwrap().color(), image::ColorType::L8);
}

#[test]
fn noise_settles_too() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(state >> 24).unwrap()
    };
    let noise = RgbImage::from_fn(64, 64, |_, _| Rgb([next(), next(), if next() > 127 { 255 } else { 0 }]));
    rebuilt(&written(&noise.into(), ImageFormat::Jpeg), Format::Jpeg);
}

#[test]
fn jpeg_metadata_goes_and_is_named() {
    let bytes = with_segment(&jpeg(40, 30), 0xe1, &exif(&[(0x8825, 26)]));
    let bytes = with_segment(&bytes, 0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>");
    let bytes = with_segment(&bytes, 0xed, b"Photoshop 3.0\x008BIM");
    let bytes = with_segment(&bytes, 0xfe, b"by Jane Doe");
    let bytes = with_segment(&bytes, 0xe4, b"payload");
    let bytes = [bytes.as_slice(), b"#!/bin/sh payload"].concat();
    let (out, removed) = rebuilt(&bytes, Format::Jpeg);
    let mut places: Vec<&str> = removed.iter().map(|(_, place)| place.as_str()).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "EXIF with GPS position",
            "IPTC and Photoshop data",
            "XMP",
            "bytes behind the picture",
            "comment",
            "segment APP4"
        ]
    );
    for secret in [&b"Exif"[..], b"xmpmeta", b"Photoshop", b"Jane", b"payload"] {
        assert!(memchr::memmem::find(&out, secret).is_none());
    }
    assert_eq!(out, rebuilt(&jpeg(40, 30), Format::Jpeg).0);
}

#[test]
fn orientation_is_applied_to_the_pixels() {
    let plain = jpeg(40, 24);
    for orientation in 1..=8_u8 {
        let bytes = with_segment(&plain, 0xe1, &exif(&[(0x0112, orientation.into())]));
        let mut expected = image::load_from_memory(&plain).unwrap();
        expected.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let out = image::load_from_memory(&rebuilt(&bytes, Format::Jpeg).0).unwrap();
        assert!(difference(&expected, &out) < 4.0, "{orientation}");

        let bytes = with_chunk(&png(40, 24), b"eXIf", &block(&[(0x0112, orientation.into())]));
        let mut expected = DynamicImage::from(photo(40, 24));
        expected.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let out = image::load_from_memory(&rebuilt(&bytes, Format::Png).0).unwrap();
        assert_eq!(expected.to_rgb8(), out.to_rgb8(), "{orientation}");
    }
}

#[test]
fn resolution_and_sane_profile_are_kept() {
    let mut bytes = jpeg(16, 16);
    bytes[13..18].copy_from_slice(&[1, 1, 44, 1, 44]);
    let profile = icc::profile(b"RGB ", b"wtpt", b"");
    let bytes = with_segment(&bytes, 0xe2, &[b"ICC_PROFILE\0\x01\x01", profile.as_slice()].concat());
    let (out, removed) = rebuilt(&bytes, Format::Jpeg);
    assert!(removed.is_empty() && out[13..18] == [1, 1, 44, 1, 44]);
    assert!(memchr::memmem::find(&out, &profile).is_some());

    let stale = icc::profile(b"CMYK", b"wtpt", b"");
    let bytes = with_segment(&jpeg(16, 16), 0xe2, &[b"ICC_PROFILE\0\x01\x01", stale.as_slice()].concat());
    let (out, removed) = rebuilt(&bytes, Format::Jpeg);
    assert_eq!(removed.len(), 1);
    assert!(memchr::memmem::find(&out, b"acsp").is_none());
}

#[test]
fn a_cut_off_jpeg_shows_what_there_is() {
    let bytes = jpeg(64, 64);
    let before = image::load_from_memory(&bytes).unwrap();
    let (out, _) = rebuilt(&bytes[..bytes.len() - 2], Format::Jpeg);
    assert!(
        difference(&before, &image::load_from_memory(&out).unwrap()) < 4.0,
        "only the end marker is missing"
    );
    let half = bytes.len() * 3 / 4;
    assert_eq!(
        image::load_from_memory(&rebuilt(&bytes[..half], Format::Jpeg).0).unwrap().dimensions(),
        (64, 64)
    );
    assert!(matches!(fails(&bytes[..100], Format::Jpeg), Failure::Malformed(_)));
}

#[test]
fn an_imitation_of_our_encoding_with_a_payload_is_encoded_anew() {
    let (own, _) = rebuilt(&jpeg(64, 48), Format::Jpeg);
    let data = own.len() - 300;
    let imitations = [
        ("trailing bytes", [own.as_slice(), b"payload"].concat()),
        ("bytes before the end marker", [&own[..own.len() - 2], b"payload", &own[own.len() - 2..]].concat()),
        ("comment", with_segment(&own, 0xfe, b"payload")),
        ("restart marker", [&own[..own.len() - 2], &[0xff, 0xd0], &own[own.len() - 2..]].concat()),
        ("fill bytes", [&own[..2], &[0xff], &own[2..]].concat()),
        ("second scan", [&own[..own.len() - 2], &own[own.len() - 320..]].concat()),
        (
            "other quantisation",
            own.iter().enumerate().map(|(n, &b)| if n == 50 { b + 1 } else { b }).collect(),
        ),
    ];
    for (name, imitation) in imitations {
        match tried(&imitation, Format::Jpeg, &Limits::default()).0 {
            Ok(out) => assert_ne!(out, imitation, "{name}"),
            Err(failure) => assert!(matches!(failure, Failure::Malformed(_)), "{name}: {failure:?}"),
        }
    }
    // Any change of the entropy-coded data either is other pixels in the one true coding, or is encoded anew.
    for at in (data..own.len() - 2).step_by(13) {
        let mut changed = own.clone();
        changed[at] ^= 0x10;
        if let Ok(out) = tried(&changed, Format::Jpeg, &Limits::default()).0 {
            assert_eq!(tried(&out, Format::Jpeg, &Limits::default()).0.unwrap(), out);
        }
    }
}

#[test]
fn a_giant_is_over_the_limit_before_it_is_decoded() {
    let mut bytes = jpeg(8, 8);
    let frame = memchr::memmem::find(&bytes, &[0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(matches!(fails(&bytes, Format::Jpeg), Failure::Limit { name: "max_pixels", .. }));

    let bomb = png_of(0x7fff_ffff, 0x7fff_ffff, b"x\x9c\x03\0\0\0\0\x01");
    assert!(matches!(fails(&bomb, Format::Png), Failure::Limit { name: "max_pixels", .. }));
    unproved(&bomb, Format::Png, "max_pixels");
}

/// A PNG of three times 8 bits with this content of its one IDAT chunk.
fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut out = png::chunks::SIGNATURE.to_vec();
    let header = [&width.to_be_bytes(), &height.to_be_bytes(), [8, 2, 0, 0, 0].as_slice()].concat();
    png::chunks::put(&mut out, b"IHDR", &header);
    png::chunks::put(&mut out, b"IDAT", data);
    png::chunks::put(&mut out, b"IEND", b"");
    out
}

#[test]
fn verifier_refuses_a_jpeg_that_is_no_encoding_of_ours() {
    unproved(&jpeg(40, 30), Format::Jpeg, "not the encoder's");
    let (own, _) = rebuilt(&jpeg(40, 30), Format::Jpeg);
    unproved(&with_segment(&own, 0xfe, b"payload"), Format::Jpeg, "not the encoder's");
    unproved(&[&own, b"payload".as_slice()].concat(), Format::Jpeg, "belong to no block");
}

#[test]
fn verifier_refuses_a_png_with_more_than_its_picture() {
    let (own, _) = rebuilt(&png(8, 8), Format::Png);
    unproved(&with_chunk(&own, b"tEXt", b"Author\0Jane Doe"), Format::Png, "the chunk tEXt is still there");
    unproved(&with_chunk(&own, b"gAMA", b"payload"), Format::Png, "the chunk gAMA is still there");
    unproved(&with_chunk(&own, b"iCCP", b"x\0\0payload"), Format::Png, "colour profile");
    unproved(&[&own, b"payload".as_slice()].concat(), Format::Png, "bytes follow the picture");
    let mut damaged = with_chunk(&own, b"gAMA", &[0, 0, 177, 143]);
    damaged[33 + 12] ^= 1;
    unproved(&damaged, Format::Png, "the chunk gAMA is still there or damaged");
    unproved(&png_of(8, 8, b"payload"), Format::Png, "");
}

#[test]
fn a_png_keeps_every_pixel_in_every_kind() {
    let rgba = RgbaImage::from_fn(9, 7, |x, y| {
        Rgba([u8::try_from(x).unwrap(), 5, 9, u8::try_from(y * 30).unwrap()])
    });
    let wide = image::ImageBuffer::from_fn(9, 7, |x, y| Luma([u16::try_from(x * 7000 + y).unwrap()]));
    for image in [
        DynamicImage::from(photo(9, 7)),
        DynamicImage::ImageRgba8(rgba.clone()),
        DynamicImage::ImageRgba16(DynamicImage::ImageRgba8(rgba).to_rgba16()),
        DynamicImage::ImageLuma16(wide),
    ] {
        let (out, removed) = rebuilt(&written(&image, ImageFormat::Png), Format::Png);
        assert!(removed.is_empty());
        assert_eq!(image::load_from_memory(&out).unwrap(), image);
    }
}

/// A PNG with two bits for each pixel, a palette of three colours and transparency.
fn indexed(pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut out, 3, u32::try_from(pixels.len()).unwrap());
    encoder.set_color(::png::ColorType::Indexed);
    encoder.set_depth(::png::BitDepth::Two);
    encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255]);
    encoder.set_trns(vec![255, 128]);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    out
}

#[test]
fn a_palette_stays_a_palette() {
    let bytes = indexed(&[0b0001_1000, 0b1000_0100]);
    let (out, _) = rebuilt(&bytes, Format::Png);
    assert_eq!(image::load_from_memory(&out).unwrap(), image::load_from_memory(&bytes).unwrap());
    assert_eq!(out[24..26], [2, 3], "depth and colour type");
}

/// A PNG with this colour type and transparency, 8 bits each.
fn transparent(colour: ::png::ColorType, pixels: &[u8], transparency: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut out, 2, 1);
    encoder.set_color(colour);
    encoder.set_trns(transparency.to_vec());
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    out
}

#[test]
fn a_transparent_colour_stays_transparent() {
    for bytes in [
        transparent(::png::ColorType::Grayscale, &[5, 6], &[0, 5]),
        transparent(::png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6], &[0, 1, 0, 2, 0, 3]),
    ] {
        let (out, removed) = rebuilt(&bytes, Format::Png);
        assert!(removed.is_empty());
        let picture = image::load_from_memory(&out).unwrap().to_rgba8();
        assert_eq!((picture.get_pixel(0, 0)[3], picture.get_pixel(1, 0)[3]), (0, 255));
    }
}

#[test]
fn palettes_and_transparency_that_mean_nothing_go() {
    let bytes = with_chunk(&png(8, 8), b"PLTE", b"payload..");
    let (out, removed) = rebuilt(&bytes, Format::Png);
    assert_eq!((removed.len(), memchr::memmem::find(&out, b"payload")), (1, None));
    let bytes = transparent(::png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6], b"payload");
    let (out, removed) = rebuilt(&bytes, Format::Png);
    assert_eq!((removed.len(), memchr::memmem::find(&out, b"payload")), (1, None));
}

#[test]
fn a_pixel_outside_the_palette_is_malformed() {
    assert!(fails(&indexed(&[0b0000_1100]), Format::Png).to_string().contains("palette"));
}

#[test]
fn png_metadata_animation_and_trailing_bytes_go() {
    let bytes = png(8, 8);
    let bytes = with_chunk(&bytes, b"tEXt", b"Author\0Jane Doe");
    let bytes = with_chunk(&bytes, b"eXIf", &block(&[(0x8825, 26)]));
    let bytes = with_chunk(&bytes, b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    let bytes = with_chunk(&bytes, b"puNK", b"payload");
    let bytes = [bytes.as_slice(), b"payload"].concat();
    let (out, removed) = rebuilt(&bytes, Format::Png);
    let mut kinds = removed;
    kinds.sort();
    assert_eq!(
        kinds,
        [
            (What::Multimedia, "animation".to_owned()),
            (What::Metadata, "EXIF with GPS position".to_owned()),
            (What::Metadata, "text \"Author\"".to_owned()),
            (What::Unreachable, "bytes behind the picture".to_owned()),
            (What::UnknownPart, "chunk puNK".to_owned()),
        ]
    );
    assert_eq!(out, rebuilt(&png(8, 8), Format::Png).0);
}

#[test]
fn png_colour_and_resolution_are_kept() {
    let bytes = with_chunk(&png(8, 8), b"pHYs", &[0, 0, 46, 35, 0, 0, 46, 35, 1]);
    let bytes = with_chunk(&bytes, b"sRGB", &[0]);
    let bytes = with_chunk(&bytes, b"gAMA", &[0, 0, 177, 143]);
    let (out, removed) = rebuilt(&bytes, Format::Png);
    assert!(removed.is_empty());
    for chunk in [b"pHYs", b"sRGB", b"gAMA"] {
        assert!(memchr::memmem::find(&out, chunk).is_some());
    }
    let (out, removed) = rebuilt(&with_chunk(&png(8, 8), b"gAMA", b"payload"), Format::Png);
    assert_eq!((removed.len(), memchr::memmem::find(&out, b"payload")), (1, None));
}

#[test]
fn a_profile_bomb_is_dropped() {
    use std::io::Write as _;
    let mut stream = flate2::write::ZlibEncoder::new(b"x\0\0".to_vec(), flate2::Compression::best());
    stream.write_all(&vec![0; 64 << 20]).unwrap();
    let (_, removed) = rebuilt(&with_chunk(&png(8, 8), b"iCCP", &stream.finish().unwrap()), Format::Png);
    assert_eq!(removed.len(), 1);
}

#[test]
fn hostile_chunk_orders_are_malformed() {
    let bytes = png(8, 8);
    let palette = with_chunk(&with_chunk(&indexed(&[0]), b"PLTE", &[0; 9]), b"PLTE", &[0; 9]);
    for hostile in [
        palette,
        with_chunk(&bytes, b"IHDR", &bytes[16..29]),
        with_chunk(&bytes, b"EVIL", b""),
        with_chunk(&bytes, b"IEND", b""),
        bytes[..bytes.len() - 4].to_vec(),
        bytes[..bytes.len() - 30].to_vec(),
        bytes.iter().enumerate().map(|(n, &b)| if n == 60 { b ^ 1 } else { b }).collect(),
    ] {
        assert!(matches!(fails(&hostile, Format::Png), Failure::Malformed(_)));
    }
}

#[test]
fn a_picture_that_is_also_an_archive_is_refused() {
    assert_eq!(verdict(&[png(8, 8), archive()].concat(), "a.png"), Verdict::Refused);
}
/// Whether `needle` is somewhere in `bytes`.
pub(super) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// The whole way, so that identification has its say.
pub(super) fn verdict(bytes: &[u8], name: &str) -> Verdict {
    let declared = Declared { name, media_type: "" };
    sanitize(bytes, &declared, &Settings::default(), &mut NoInspector).report().verdict
}

/// Bytes that ZIP readers take for an archive when they follow others.
pub(super) fn archive() -> Vec<u8> {
    let mut zip = crate::zip_write::ZipWriter::new(&Limits::default());
    zip.add("evil.txt", b"x").unwrap();
    zip.finish().unwrap()
}

#[test]
fn many_small_files_with_large_pictures_are_over_the_limit() {
    let limits = Limits { max_expanded_bytes: 1000, ..Limits::default() };
    for (bytes, format) in [
        (png(100, 100), Format::Png),
        (jpeg(100, 100), Format::Jpeg),
        (webp::webp(&photo(100, 100).into(), |_| {}), Format::Webp),
    ] {
        let failure = tried(&bytes, format, &limits).0.unwrap_err();
        assert!(matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. }), "{failure:?}");
    }
}
