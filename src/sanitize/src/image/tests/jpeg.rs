//! JPEG's codings and colours, and the quality that was asked for.

use jpeg_encoder::{ColorType, Encoder};

use super::*;
use crate::options::{JpegQuality, Options};

fn with_quality(bytes: &[u8], quality: u8) -> Vec<u8> {
    let options = Options { jpeg_quality: JpegQuality::try_from(quality).unwrap(), ..Options::default() };
    let settings = Settings { options, ..Settings::default() };
    let declared = Declared { name: "a.jpg", media_type: "" };
    sanitize(bytes, &declared, &settings, &mut NoInspector).into_parts().0.unwrap().0
}

#[test]
fn the_quality_asked_for_is_used_and_recognised() {
    let original = jpeg(64, 48);
    let sizes = [20, 60, 90, 100].map(|quality| {
        let out = with_quality(&original, quality);
        assert_eq!(with_quality(&out, quality), out, "quality {quality} settles");
        out.len()
    });
    assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
    let (fine, coarse) = (with_quality(&original, 95), with_quality(&original, 30));
    assert_ne!(with_quality(&fine, 30), fine, "another quality is not taken for the one in use");
    assert_ne!(with_quality(&coarse, 95), coarse);
}

/// Eight by eight pixels of one colour in CMYK, as Adobe has it: inverted.
fn cmyk(ink: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(&mut out, 100).encode(&ink.repeat(64), 8, 8, ColorType::Cmyk).unwrap();
    out
}

#[test]
fn four_colours_are_shown_right() {
    for (ink, light) in [
        ([0, 0, 0, 0], [255, 255, 255]),
        ([255, 0, 0, 0], [0, 255, 255]),
        ([0, 255, 0, 0], [255, 0, 255]),
        ([0, 0, 255, 0], [255, 255, 0]),
        ([0, 0, 0, 255], [0, 0, 0]),
        ([0, 0, 0, 128], [127, 127, 127]),
    ] {
        let (out, _) = rebuilt(&cmyk(ink), Format::Jpeg);
        let pixel = image::load_from_memory(&out).unwrap().to_rgb8().get_pixel(4, 4).0;
        assert!(pixel.iter().zip(light).all(|(a, b)| a.abs_diff(b) < 4), "{ink:?}: {pixel:?}");
    }
}

#[test]
fn four_colours_without_their_meaning_are_refused() {
    let bytes = cmyk([255, 0, 0, 0]);
    let adobe = memchr::memmem::find(&bytes, b"\xff\xee").unwrap();
    let bytes = [&bytes[..adobe], &bytes[adobe + 16..]].concat();
    assert!(matches!(fails(&bytes, Format::Jpeg), Failure::Refused(_)));
}

#[test]
fn codings_that_no_decoder_here_knows_are_refused_with_a_reason() {
    let bytes = jpeg(16, 16);
    let frame = memchr::memmem::find(&bytes, b"\xff\xc0").unwrap();
    for (at, value, reason) in [(1, 0xc9, "arithmetic"), (1, 0xc3, "lossless"), (4, 12, "8 bits")] {
        let mut other = bytes.clone();
        other[frame + at] = value;
        let failure = fails(&other, Format::Jpeg);
        assert!(matches!(&failure, Failure::Refused(words) if words.contains(reason)), "{failure:?}");
    }
}

#[test]
fn a_progressive_jpeg_becomes_a_baseline_one() {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 80);
    encoder.set_progressive(true);
    encoder.encode(photo(40, 30).as_raw(), 40, 30, ColorType::Rgb).unwrap();
    let (out, _) = rebuilt(&bytes, Format::Jpeg);
    assert!(holds(&bytes, b"\xff\xc2") && !holds(&out, b"\xff\xc2"));
    let before = image::load_from_memory(&bytes).unwrap();
    assert!(difference(&before, &image::load_from_memory(&out).unwrap()) < 3.0);
}
