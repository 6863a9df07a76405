//! BMP: header, colours and pixels, and no room beside them.

use super::*;

fn bmp(image: &DynamicImage) -> Vec<u8> {
    written(image, ImageFormat::Bmp)
}

fn image() -> DynamicImage {
    photo(7, 5).into()
}

#[test]
fn pixels_palette_and_resolution_are_kept() {
    let palette: Vec<[u8; 3]> = (0..4).map(|n| [n * 60, 10, 200]).collect();
    let mut indexed = Vec::new();
    image::codecs::bmp::BmpEncoder::new(&mut indexed)
        .encode_with_palette(&[0, 1, 2, 3, 3, 2], 3, 2, image::ExtendedColorType::L8, Some(&palette))
        .unwrap();
    for bytes in [bmp(&image()), bmp(&DynamicImage::ImageLuma8(image().to_luma8())), indexed] {
        let (out, removed) = rebuilt(&bytes, Format::Bmp);
        assert!(removed.is_empty(), "{removed:?}");
        assert_eq!(image::load_from_memory(&out).unwrap(), image::load_from_memory(&bytes).unwrap());
        assert_eq!(out[38..46], bytes[38..46], "pixels per metre");
    }
}

#[test]
fn alpha_is_kept() {
    let image = RgbaImage::from_fn(3, 2, |x, y| Rgba([9, 8, 7, u8::try_from(x * 80 + y).unwrap()]));
    let bytes = bmp(&image.clone().into());
    let (out, _) = rebuilt(&bytes, Format::Bmp);
    assert_eq!(image::load_from_memory(&out).unwrap().to_rgba8(), image);
}

#[test]
fn bytes_between_behind_and_in_the_padding_go() {
    let bytes = bmp(&image());
    let start = usize::from(bytes[10]);
    let mut between = [&bytes[..start], b"payload.", &bytes[start..]].concat();
    between[10] += 8;
    let behind = [bytes.as_slice(), b"payload."].concat();
    for hidden in [between, behind] {
        let (out, removed) = rebuilt(&hidden, Format::Bmp);
        assert_eq!(removed.len(), 1);
        assert!(out == rebuilt(&bytes, Format::Bmp).0 && !holds(&out, b"payload"));
    }
    // A line of 7 × 3 bytes is padded to 24.
    let mut padding = bytes.clone();
    padding[start + 21..start + 24].copy_from_slice(b"abc");
    assert!(!holds(&rebuilt(&padding, Format::Bmp).0, b"abc"));
}

#[test]
fn a_bmp_that_is_also_an_archive_is_refused() {
    assert_eq!(verdict(&[bmp(&image()), archive()].concat(), "a.bmp"), Verdict::Refused);
}

#[test]
fn giants_are_over_the_limit_and_lies_are_malformed() {
    let bytes = bmp(&image());
    let with = |at: usize, value: &[u8]| {
        let mut other = bytes.clone();
        other[at..at + value.len()].copy_from_slice(value);
        fails(&other, Format::Bmp)
    };
    assert!(matches!(with(18, &[0xff, 0xff, 0xff, 0x7f]), Failure::Limit { name: "max_pixels", .. }));
    assert!(matches!(with(22, &[0, 0, 0, 0x80]), Failure::Limit { name: "max_pixels", .. }));
    for (at, value) in
        [(10, &[0xff_u8; 4][..]), (14, &[41]), (26, &[2]), (28, &[7]), (30, &[4]), (30, &[5]), (18, &[200])]
    {
        let failure = with(at, value);
        assert!(matches!(failure, Failure::Malformed(_)), "{at} {value:?}: {failure:?}");
    }
    assert!(matches!(fails(&bytes[..bytes.len() - 8], Format::Bmp), Failure::Malformed(_)));
}
