//! GIF: frames stay, everything else goes.

use ::gif::{DecodeOptions, Encoder, Frame, Repeat};

use super::*;

const COLOURS: [u8; 9] = [255, 0, 0, 0, 255, 0, 0, 0, 255];

/// An animation of so many frames of 4 × 2 pixels.
fn animation(frames: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 4, 2, &COLOURS).unwrap();
    encoder.set_repeat(Repeat::Finite(5)).unwrap();
    for n in 0..frames {
        let frame = Frame {
            width: 4,
            height: 2,
            delay: 7,
            transparent: Some(2),
            buffer: [n % 3, 1, 2, 0, 0, 1, 2, n % 3].to_vec().into(),
            ..Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

fn frames(bytes: &[u8]) -> Vec<(Vec<u8>, u16, Option<u8>)> {
    let mut decoder = DecodeOptions::new().read_info(bytes).unwrap();
    let mut out = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        out.push((frame.buffer.to_vec(), frame.delay, frame.transparent));
    }
    out
}

/// An extension behind the header, its data in blocks.
fn with_extension(gif: &[u8], label: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let start = 13 + 12;
    let mut extension = vec![0x21, label];
    for block in blocks {
        extension.push(u8::try_from(block.len()).unwrap());
        extension.extend(*block);
    }
    extension.push(0);
    [&gif[..start], &extension, &gif[start..]].concat()
}

#[test]
fn an_animation_keeps_frames_times_and_loop() {
    let bytes = animation(5);
    let (out, removed) = rebuilt(&bytes, Format::Gif);
    assert!(removed.is_empty());
    assert_eq!(frames(&out), frames(&bytes));
    assert!(holds(&out, b"NETSCAPE2.0\x03\x01\x05\0\0"));
}

#[test]
fn comments_application_data_text_and_trailing_bytes_go() {
    let bytes = animation(2);
    let hidden = with_extension(&bytes, 0xfe, &[b"payload"]);
    let hidden = with_extension(&hidden, 0xff, &[b"XMP DataXMP", b"payload"]);
    let hidden = with_extension(&hidden, 0xff, &[b"ICCRGBG1012", b"payload"]);
    let hidden = with_extension(&hidden, 0xff, &[b"EVILEVIL1.0", b"payload"]);
    let hidden = with_extension(&hidden, 0xff, &[b"NETSCAPE2.0", b"\x02payload"]);
    let hidden = with_extension(&hidden, 0x01, &[&[0; 12], b"payload"]);
    let hidden = with_extension(&hidden, 0x42, &[b"payload"]);
    let hidden = [hidden, b"payload".to_vec()].concat();
    let (out, removed) = rebuilt(&hidden, Format::Gif);
    assert_eq!(removed.len(), 7, "{removed:?}");
    assert!(!holds(&out, b"payload"));
    assert_eq!(out, rebuilt(&bytes, Format::Gif).0);
}

#[test]
fn verifier_refuses_a_gif_with_more_than_its_frames() {
    let (own, _) = rebuilt(&animation(2), Format::Gif);
    for label in [0xfe, 0xff, 0x01, 0x42] {
        unproved(&with_extension(&own, label, &[b"payload"]), Format::Gif, "more than frames");
    }
    unproved(&[&own, b"payload;".as_slice()].concat(), Format::Gif, "more than frames");
    unproved(&own[..own.len() - 1], Format::Gif, "more than frames");
    // A frame whose codes no decoder knows.
    let frame = [0x2c, 0, 0, 0, 0, 4, 0, 2, 0, 0, 2, 2, 0xff, 0xff, 0, 0x3b];
    unproved(&[&own[..own.len() - 1], &frame].concat(), Format::Gif, "");
}

#[test]
fn a_gif_that_is_also_an_archive_or_a_script_is_refused_or_is_neither_afterwards() {
    assert_eq!(verdict(&[animation(1), archive()].concat(), "a.gif"), Verdict::Refused);
    // GIFAR's cousin: width and height of "GIF89a/*" open a comment that later data close.
    let script = with_extension(&animation(1), 0xfe, &[b"*/=1;alert(1)//"]);
    assert!(!holds(&rebuilt(&script, Format::Gif).0, b"alert"));
}

#[test]
fn frame_bombs_are_over_the_limit_before_they_are_decoded() {
    let mut giant = animation(1);
    giant[6..10].fill(0xff);
    let failure = fails(&giant, Format::Gif);
    assert!(matches!(failure, Failure::Limit { name: "max_pixels", .. }), "{failure:?}");
    unproved(&giant, Format::Gif, "max_pixels");

    let mut frame = vec![0x2c, 0, 0, 0, 0, 0x10, 0x27, 0x10, 0x27, 0, 2, 0];
    frame = frame.repeat(1000);
    let bytes = animation(1);
    let many = [&bytes[..bytes.len() - 1], &frame, b"\x3b"].concat();
    let failure = fails(&many, Format::Gif);
    assert!(matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. }), "{failure:?}");
}

#[test]
fn a_colour_that_does_not_exist_is_shown_as_nothing() {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 2, 1, &COLOURS[..6]).unwrap();
    let frame = Frame { width: 2, height: 1, buffer: vec![1, 200].into(), ..Frame::default() };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    assert_eq!(frames(&rebuilt(&bytes, Format::Gif).0)[0].0, [1, 0]);
}

#[test]
fn a_frame_without_pixels_is_malformed() {
    let bytes = animation(1);
    let frame = bytes.iter().position(|&byte| byte == 0x2c).unwrap();
    for side in [5, 7] {
        let mut flat = bytes.clone();
        flat[frame + side] = 0;
        let failure = fails(&flat, Format::Gif);
        assert!(failure.to_string().contains("no pixels"), "{failure}");
    }
}

#[test]
fn what_is_cut_off_or_out_of_place_is_malformed_but_a_missing_trailer_is_not() {
    let bytes = animation(2);
    assert_eq!(frames(&rebuilt(&bytes[..bytes.len() - 1], Format::Gif).0).len(), 2);
    let mut stray = bytes.clone();
    stray[25] = 0x77;
    for hostile in [&bytes[..12], &bytes[..30], &bytes[..bytes.len() - 3], b"GIF89a", &stray] {
        assert!(matches!(fails(hostile, Format::Gif), Failure::Malformed(_)));
    }
}
