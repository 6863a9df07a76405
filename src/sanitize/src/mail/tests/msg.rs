use super::*;
use crate::compound::Storage;
use crate::compound::tests::damage;

/// A property stream: a header, then numbers (PtypInteger32) and times (PtypTime).
fn properties(header: usize, numbers: &[(u16, u32)], times: &[(u16, u64)]) -> Vec<u8> {
    let mut out = vec![0; header];
    let mut put = |kind: u16, id: u16, value: u64| {
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&6_u32.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    };
    numbers.iter().for_each(|(id, value)| put(3, *id, u64::from(*value)));
    times.iter().for_each(|(id, value)| put(0x40, *id, *value));
    out
}

fn put(storage: &mut Storage<'static>, id: u16, text: &str) {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    storage.add(&format!("__substg1.0_{id:04X}001F"), wide);
}

fn put_bytes(storage: &mut Storage<'static>, id: u16, bytes: &[u8]) {
    storage.add(&format!("__substg1.0_{id:04X}0102"), bytes.to_vec());
}

/// A message with sender, recipient, subject, time and a text; `header`: 32 for a file, 24 inside another.
fn message(header: usize, subject: &str, text: &str) -> Storage<'static> {
    let mut root = Storage::new("Root Entry", [0; 16]);
    root.add(
        "__properties_version1.0",
        properties(header, &[(0x3ffd, 1252)], &[(0x0039, 131_134_953_020_000_000)]),
    );
    put(&mut root, 0x001a, "IPM.Note");
    put(&mut root, 0x0037, subject);
    put(&mut root, 0x0c1a, "Jürgen");
    put(&mut root, 0x0c1e, "SMTP");
    put(&mut root, 0x0c1f, "j@b.de");
    put(&mut root, 0x1035, "<1@b.de>");
    if !text.is_empty() {
        put(&mut root, 0x1000, text);
    }
    for (n, (kind, name)) in [(1, "to@b.nl"), (2, "cc@b.nl"), (3, "bcc@b.nl")].into_iter().enumerate() {
        let mut recipient = Storage::new(&format!("__recip_version1.0_#{n:08X}"), [0; 16]);
        recipient.add("__properties_version1.0", properties(8, &[(0x0c15, kind)], &[]));
        put(&mut recipient, 0x3001, name);
        put(&mut recipient, 0x39fe, name);
        root.storages.push(recipient);
    }
    root
}

fn attach(root: &mut Storage<'static>, method: u32, fill: impl FnOnce(&mut Storage<'static>)) {
    let number = root.storages.len();
    let mut attachment = Storage::new(&format!("__attach_version1.0_#{number:08X}"), [0; 16]);
    attachment.add("__properties_version1.0", properties(8, &[(0x3705, method)], &[]));
    fill(&mut attachment);
    root.storages.push(attachment);
}

fn attach_file(root: &mut Storage<'static>, name: &str, bytes: &[u8], content_id: &str) {
    attach(root, 1, |attachment| {
        put(attachment, 0x3707, name);
        put_bytes(attachment, 0x3701, bytes);
        if !content_id.is_empty() {
            put(attachment, 0x3712, content_id);
        }
    });
}

fn msg(root: &Storage<'_>) -> (String, Report) {
    rebuilt(&root.write().unwrap(), "a.msg")
}

fn refusal(root: &Storage<'_>) -> (Verdict, String) {
    fails_bytes(&root.write().unwrap(), "a.msg")
}

/// Compressed RTF without a back reference.
fn packed(rtf: &str) -> Vec<u8> {
    let body: Vec<u8> = rtf.as_bytes().chunks(8).flat_map(|chunk| [&[0], chunk].concat()).collect();
    let size = u32::try_from(body.len() + 12).unwrap();
    let raw = u32::try_from(rtf.len()).unwrap();
    [&size.to_le_bytes()[..], &raw.to_le_bytes(), b"LZFu", &[0; 4], &body].concat()
}

#[test]
fn text_or_attachment_that_is_not_there_in_full_is_not_left_out_silently() {
    let text = "text ".repeat(1000);
    let mut root = message(32, "a", &text);
    attach_file(&mut root, "foto.png", &[png(), vec![0; 5000]].concat(), "");
    let mut inner = message(24, "inner", &text.replace('t', "x"));
    inner.name = "__substg1.0_3701000D".to_owned();
    attach(&mut root, 5, |attachment| attachment.storages.push(inner));
    for name in ["__substg1.0_1000001F", "__substg1.0_37010102"] {
        let mut bytes = root.write().unwrap();
        damage(&mut bytes, name);
        let (verdict, reason) = fails_bytes(&bytes, "a.msg");
        assert_eq!(verdict, Verdict::Unscannable);
        assert!(reason.contains("not there in full"), "{reason}");
    }
    // The text of the message within the message.
    let mut bytes = root.write().unwrap();
    let name: Vec<u8> = "__substg1.0_1000001F".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let last = memchr::memmem::rfind(&bytes, &name).unwrap();
    bytes[last + 116..last + 120].copy_from_slice(&[0xff, 0xff, 0xff, 0]);
    assert!(fails_bytes(&bytes, "a.msg").1.contains("not there in full"));
}

#[test]
fn a_message_comes_out_as_a_mail() {
    let mut root = message(32, "Über", "Hallo\r\nü\r\n");
    attach_file(&mut root, "foto.png", &png(), "");
    let (text, report) = msg(&root);
    for piece in [
        "From: =?utf-8?B?SsO8cmdlbg==?=\r\n <j@b.de>\r\n",
        "To: <to@b.nl>\r\nCc: <cc@b.nl>\r\n",
        "Subject: =?utf-8?B?w5xiZXI=?=\r\n",
        "Date: Wed, 20 Jul 2016 13:35:02 +0000\r\nMessage-ID: <1@b.de>\r\n",
        "\r\n\r\nHallo\r\n=C3=BC\r\n\r\n--",
        "filename=\"foto.png\"",
    ] {
        assert!(text.contains(piece), "{piece} {text}");
    }
    assert!(!text.contains("bcc@b.nl") && report.removed.iter().any(|r| r.r#where == "blind copy recipient"));
}

#[test]
fn html_is_rebuilt_with_its_pictures() {
    let mut root = message(32, "s", "plain");
    put_bytes(&mut root, 0x1013, b"<p>caf\xe9<script>x</script><img src=\"cid:logo@x\"></p>");
    attach_file(&mut root, "logo.png", &png(), "logo@x");
    let (text, _) = msg(&root);
    let unfolded = text.replace("=\r\n", "");
    assert!(unfolded.contains("caf=C3=A9<img src=3D\"cid:picture-1@sluse.invalid\">"), "{text}");
    assert!(
        text.contains("multipart/alternative")
            && text.contains("multipart/related")
            && !text.contains("<script")
    );
}

#[test]
fn html_inside_rtf_is_found_where_there_is_nothing_else() {
    let mut root = message(32, "s", "");
    put_bytes(
        &mut root,
        0x1009,
        &packed(
            "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0 Arial;}}{\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 caf\\'e9 \\u8364?{\\*\\htmltag <b>}x\\htmlrtf \\b junk\\htmlrtf0 {\\*\\htmltag </b>}{\\*\\htmltag <script>}evil{\\*\\htmltag </script>}\\htmlrtf }\\htmlrtf0{\\*\\mhtmltag <i>}{\\*\\htmltag </p>}}",
        ),
    );
    let (text, report) = msg(&root);
    let unfolded = text.replace("=\r\n", "");
    assert!(unfolded.contains("<p>caf=C3=A9 =E2=82=AC<b>x</b></p>"), "{text}");
    assert!(!text.contains("junk") && !text.contains("evil"));
    assert!(report.removed.iter().any(|removed| removed.what == What::Script));

    let mut plain = message(32, "s", " ");
    put_bytes(
        &mut plain,
        0x1009,
        &packed(
            "{\\rtf1\\ansi\\fromtext{\\fonttbl{\\f0 Arial;}}\\f0 a\\par b\\tab\\{c\\}{\\*\\x y}{\\pict 00}\\bin3 }}}}",
        ),
    );
    assert!(msg(&plain).0.ends_with("\r\n\r\na\r\nb\t{c}"), "{}", msg(&plain).0);
}

#[test]
fn a_compressed_body_is_expanded_with_its_back_references_and_no_further_than_it_says() {
    // MS-OXRTFCP 3.1: the worked examples.
    let mut root = message(32, "s", "");
    let example = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
    put_bytes(&mut root, 0x1009, example);
    assert!(msg(&root).0.ends_with("\r\n\r\nhello world"), "{}", msg(&root).0);

    let mut bomb = message(32, "s", "");
    let mut lies = packed(&"x".repeat(1000));
    lies[4..8].copy_from_slice(&10_u32.to_le_bytes());
    put_bytes(&mut bomb, 0x1009, &lies);
    assert_eq!(refusal(&bomb).0, Verdict::Unscannable);
    let mut huge = message(32, "s", "");
    lies[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    put_bytes(&mut huge, 0x1009, &lies);
    assert!(refusal(&huge).1.contains("max_expanded_bytes"));
    let mut deep = message(32, "s", "");
    put_bytes(&mut deep, 0x1009, &packed(&"{".repeat(5000)));
    assert_eq!(refusal(&deep).0, Verdict::Unscannable);
}

#[test]
fn messages_in_messages_are_rebuilt_too() {
    let mut inner = message(24, "inner", "within");
    inner.name = "__substg1.0_3701000D".to_owned();
    attach_file(&mut inner, "foto.png", &png(), "");
    let mut root = message(32, "outer", "around");
    attach(&mut root, 5, |attachment| {
        put(attachment, 0x3001, "Re: inner.exe");
        attachment.storages.push(inner);
    });
    let (text, report) = msg(&root);
    assert_eq!(report.children[0].name, "Re inner exe.msg");
    assert_eq!(report.children[0].children[0].name, "foto.png");
    assert!(
        text.contains("filename=\"Re inner exe.eml\"")
            && text.contains("Subject: inner\r\n")
            && text.contains("within"),
        "{text}"
    );
}

#[test]
fn messages_nested_too_deep_are_over_the_limit() {
    let mut root = message(24, "s", "x");
    for _ in 0..6 {
        root.name = "__substg1.0_3701000D".to_owned();
        let mut outer = message(24, "s", "x");
        attach(&mut outer, 5, |attachment| attachment.storages.push(root));
        root = outer;
    }
    assert_eq!(refusal(&root).0, Verdict::Unscannable);
}

#[test]
fn objects_and_attachments_elsewhere_go() {
    let mut root = message(32, "s", "x");
    attach(&mut root, 6, |attachment| {
        let mut object = Storage::new("__substg1.0_3701000D", [1; 16]);
        object.add("\u{1}Ole10Native", b"evil".to_vec());
        attachment.storages.push(object);
    });
    attach(&mut root, 4, |attachment| put(attachment, 0x3708, "\\\\evil\\share\\a.exe"));
    let (text, report) = msg(&root);
    assert!(!text.contains("evil"), "{text}");
    let gone: Vec<What> = report.removed.iter().map(|removed| removed.what).collect();
    assert!(gone.contains(&What::EmbeddedObject) && gone.contains(&What::ExternalReference), "{gone:?}");
}

#[test]
fn a_message_with_a_program_is_refused() {
    let mut root = message(32, "s", "x");
    attach_file(&mut root, "a.exe", b"MZ\x90\0", "");
    assert_eq!(refusal(&root).0, Verdict::Refused);
    let mut hidden = message(32, "s", "x");
    attach_file(&mut hidden, "a.txt\u{202e}", b"x", "");
    assert_eq!(refusal(&hidden).0, Verdict::Refused);
}

#[test]
fn a_wrapped_message_is_unscannable() {
    let mut class = message(32, "s", "x");
    class.streams.retain(|stream| !stream.name.contains("001A"));
    put(&mut class, 0x001a, "IPM.Note.SMIME");
    assert_eq!(refusal(&class).0, Verdict::Unscannable);
    let mut wrapped = message(32, "s", "x");
    attach_file(&mut wrapped, "smime.p7m", b"x", "");
    assert_eq!(refusal(&wrapped).0, Verdict::Unscannable);
}

#[test]
fn texts_bring_no_field() {
    let (text, _) = msg(&message(32, "s\r\nBcc: evil@x.y\r\n\r\n<script>", "x"));
    assert!(!text.lines().any(|line| line.starts_with("Bcc") || line.starts_with('<')), "{text}");
}

#[test]
fn a_clear_signed_message_is_read() {
    let mut root = message(32, "s", "");
    root.streams.retain(|stream| !stream.name.contains("001A"));
    put(&mut root, 0x001a, "IPM.Note.SMIME.MultipartSigned");
    let mut opaque = root.clone();
    attach_file(&mut opaque, "smime.p7m", b"\x30\x80", "");
    assert_eq!(refusal(&opaque).0, Verdict::Unscannable);
    let signed = "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\nContent-Type: text/plain\n\nsigned words\n\
        --b\nContent-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nMIIx\n--b--\n";
    attach_file(&mut root, "smime.p7m", crlf(signed).as_bytes(), "");
    let (text, report) = msg(&root);
    assert!(text.contains("signed words") && text.contains("Subject: s") && !text.contains("MIIx"), "{text}");
    assert!(report.removed.contains(&Removed::new(What::Signature, "signature of the mail", 1)));
    let options = Options { signed: Signed::Quarantine, ..Options::default() };
    let settings = Settings { options, ..Settings::default() };
    assert_eq!(examined(&root.write().unwrap(), "a.msg", &settings).1.verdict, Verdict::Refused);
}
