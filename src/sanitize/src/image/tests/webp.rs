//! WebP: the picture, upright, and its colours.

use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use super::*;

pub(super) fn webp(image: &DynamicImage, dress: impl FnOnce(&mut WebPEncoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = WebPEncoder::new(&mut out);
    dress(&mut encoder);
    let colours = if image.color().has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 };
    encoder.encode(image.as_bytes(), image.width(), image.height(), colours).unwrap();
    out
}

fn pixels(bytes: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    (decoder.dimensions(), pixels)
}

fn with_chunk(webp: &[u8], name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = webp.to_vec();
    out.extend(name);
    out.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(2), 0);
    let size = u32::try_from(out.len() - 8).unwrap();
    out[4..8].copy_from_slice(&size.to_le_bytes());
    out
}

#[test]
fn pixels_alpha_and_a_sane_profile_are_kept() {
    let alpha = RgbaImage::from_fn(9, 4, |x, y| Rgba([1, 2, 3, u8::try_from(x * 20 + y).unwrap()]));
    let profile = icc::profile(b"RGB ", b"wtpt", b"");
    for image in [DynamicImage::from(photo(9, 4)), alpha.into()] {
        let bytes = webp(&image, |encoder| encoder.set_icc_profile(profile.clone()));
        let (out, removed) = rebuilt(&bytes, Format::Webp);
        assert!(removed.is_empty() && holds(&out, &profile));
        assert_eq!(pixels(&out), ((9, 4), image.into_bytes()));
    }
}

#[test]
fn metadata_unknown_chunks_and_trailing_bytes_go_and_orientation_is_applied() {
    let image = DynamicImage::from(photo(9, 4));
    let bytes = webp(&image, |encoder| {
        encoder.set_exif_metadata(block(&[(0x0112, 6), (0x8825, 9)]));
        encoder.set_xmp_metadata(b"payload".to_vec());
        encoder.set_icc_profile(b"payload".to_vec());
    });
    let bytes = [with_chunk(&bytes, b"EVIL", b"payload"), b"payload".to_vec()].concat();
    let (out, removed) = rebuilt(&bytes, Format::Webp);
    let mut places: Vec<String> = removed.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "EXIF with GPS position",
            "XMP",
            "bytes behind the picture",
            "chunk EVIL",
            "colour profile that is not sound"
        ]
    );
    assert!(!holds(&out, b"payload"));
    assert_eq!(pixels(&out), ((4, 9), image.rotate90().into_bytes()));
}

#[test]
fn an_animation_is_refused_with_a_reason() {
    let bytes = with_chunk(&webp(&photo(4, 4).into(), |_| {}), b"ANMF", b"");
    assert!(fails(&bytes, Format::Webp).to_string().contains("animated"));
}

#[test]
fn a_webp_that_is_also_an_archive_is_refused() {
    assert_eq!(verdict(&[webp(&photo(4, 4).into(), |_| {}), archive()].concat(), "a.webp"), Verdict::Refused);
}

#[test]
fn giants_are_over_the_limit_and_lies_are_malformed() {
    let bytes = webp(&photo(4, 4).into(), |_| {});
    let mut giant = bytes.clone();
    giant[21..25].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]);
    assert!(matches!(fails(&giant, Format::Webp), Failure::Limit { name: "max_pixels", .. }));
    let mut cut = bytes.clone();
    cut[16..20].fill(0xff);
    let mut size = bytes.clone();
    size[4..8].fill(0xff);
    let canvas = webp(&photo(4, 4).into(), |encoder| encoder.set_exif_metadata(vec![1]));
    let mut canvas_lies = canvas.clone();
    canvas_lies[24] = 200;
    let twice = with_chunk(&bytes, b"VP8L", &bytes[20..]);
    for hostile in [cut, size, canvas_lies, twice, bytes[..24].to_vec(), b"RIFF\x04\0\0\0WEBP".to_vec()] {
        assert!(matches!(fails(&hostile, Format::Webp), Failure::Malformed(_)));
    }
}
