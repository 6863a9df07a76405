use super::*;
use crate::job::bench;
use crate::limits::Limits;

#[test]
fn encoded_line_breaks_bring_no_field() {
    let (text, _) = eml(
        "From: =?utf-8?Q?a=0D=0ABcc:_x@y.z?= <a@a.nl>\nTo: \"x\\\r\nBcc: y\" <b@b.nl>\nSubject: =?utf-8?Q?s=0D=0AContent-Type:_text/html=0D=0A=0D=0A<script>?=\nMIME-Version: 1.0\n\nx",
    );
    let fields: Vec<&str> =
        text.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with(' ')).collect();
    let names: Vec<&str> = fields.iter().map(|field| field.split(':').next().unwrap()).collect();
    assert_eq!(
        names,
        ["From", "To", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"],
        "{text}"
    );
}

#[test]
fn important_fields_twice_are_malformed() {
    for twice in [
        "Content-Type: text/plain\nContent-Type: text/html\n",
        "Content-Transfer-Encoding: 7bit\ncontent-transfer-encoding: base64\n",
        "Content-Disposition: inline\nContent-Disposition: attachment; filename=a.exe\n",
        "Subject: other\n",
        "From: c@d.nl\n",
        "MIME-Version: 1.0\n",
    ] {
        let (verdict, reason) = fails(&format!("{HEAD}{twice}\nx"));
        assert!(verdict == Verdict::Unscannable && reason.contains("twice"), "{twice} {reason}");
    }
}

#[test]
fn conflicting_boundaries_are_malformed() {
    let inside = |boundary: &str, inner: &str| {
        format!("{HEAD}Content-Type: multipart/mixed; boundary={boundary}\n\n{inner}")
    };
    for hostile in [
        // The same boundary inside, or one that begins like it.
        inside("b", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b--\n"),
        inside("b", "--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc\n\nx\n--bc--\n--b--\n"),
        inside("bc", "--bc\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--bc--\n"),
        // Two boundaries, none, one in pieces.
        inside("b; boundary=c", "--b\n\nx\n--b--\n--c\n\ny\n--c--\n"),
        inside("\"\"", "--\n\nx\n----\n"),
        inside("b; boundary*0=c", "--b\n\nx\n--b--\n"),
        format!("{HEAD}Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n"),
        format!("{HEAD}Content-Type: multipart/mixed; boundary*=utf-8''b\n\n--b\n\nx\n--b--\n"),
        // Lines that some take for a boundary.
        inside("b", "--b\n\nx\ny --b\n\nz\n--b--\n"),
        inside("b", "--b\n\nx\n--bc\n\nz\n--b--\n"),
        inside("b", "--b\n\nx\n--b x\n\nz\n--b--\n"),
        // Parts behind the end, or an end that is missing.
        inside("b", "--b\n\nx\n--b--\n--b\n\ny\n--b--\n"),
        inside("b", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b--\n"),
        inside("b", "nothing"),
        // A multipart in a transfer encoding.
        format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n"
        ),
    ] {
        let (verdict, reason) = fails(&hostile);
        assert_eq!(verdict, Verdict::Unscannable, "{hostile} {reason}");
    }
}

#[test]
fn conflicting_encodings_are_malformed() {
    for hostile in [
        "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a.exe\n",
        "Content-Transfer-Encoding: base64, quoted-printable\n\neA==\n",
        "Content-Transfer-Encoding: base64\n\neA==eA==\n",
        "Content-Transfer-Encoding: base64\n\n<script>\n",
        "Content-Type: text/html; charset=utf-8; charset=utf-7\n\n+ADw-script+AD4-\n",
        "Content-Type: text/html; charset*0=utf-; charset*1=7\n\n+ADw-script+AD4-\n",
        "Content-Type: text/html (x\n\nx\n",
        "Content-Type: text\\html\n\nx\n",
        "Content-Type: text/html; charset=\"x\n\nx\n",
        &format!(
            "Content-Type: text/html; {}\n\nx\n",
            (0..1000).map(|n| format!("a{n}=b;")).collect::<String>()
        ),
    ] {
        let (verdict, reason) = fails(&format!("{HEAD}{hostile}"));
        assert_eq!(verdict, Verdict::Unscannable, "{hostile} {reason}");
    }
}

#[test]
fn utf7_is_read_as_the_letters_it_is() {
    let (text, _) =
        eml(&format!("{HEAD}Content-Type: text/html; charset=utf-7\n\n<p>+ADw-script+AD4-</p>\n"));
    assert!(text.contains("<p>+ADw-script+AD4-</p>"), "{text}");
}

#[test]
fn fields_that_readers_split_differently_are_malformed() {
    for hostile in [
        b"From: a@a.nl\r\nSubject: x\rContent-Type: text/html\r\nMIME-Version: 1.0\r\n\r\nx".to_vec(),
        b"From: a@a.nl\r\nMIME-Version: 1.0\r\nSubject: x\r\n \r\nContent-Type: text/html\r\n\r\nx".to_vec(),
        b"From: a@a.nl\r\nMIME-Version: 1.0\r\nContent-Type : text/html\r\n\r\nx".to_vec(),
        b"From: a@a.nl\r\nMIME-Version: 1.0\r\nno field\r\n\r\nx".to_vec(),
        b"From: a@a.nl\r\nMIME-Version: 1.0\r\nSubject: x\0y\r\n\r\nx".to_vec(),
    ] {
        assert_eq!(
            fails_bytes(&hostile, "a.eml").0,
            Verdict::Unscannable,
            "{}",
            String::from_utf8_lossy(&hostile)
        );
    }
}

#[test]
fn rfc_2231_tricks_are_malformed() {
    for names in [
        "filename*0=a.p; filename*0*=utf-8''b.e; filename*1=df",
        "filename*0=a.; filename*2=exe",
        "filename*1=exe; filename*2=a.",
        "filename=a.pdf; filename*0=a.; filename*1=exe",
        "filename*=utf-8''a.pdf; filename*0=a.; filename*1=exe",
        "filename*00=a.; filename*01=exe",
        "filename=a.pdf; filename=a.exe",
        "filename*x=a.exe",
    ] {
        let part = format!(
            "Content-Type: image/png\nContent-Disposition: attachment; {names}\nContent-Transfer-Encoding: base64\n\n{}",
            base64(&png())
        );
        let (verdict, reason) = fails(&mixed(&[&part]));
        assert_eq!(verdict, Verdict::Unscannable, "{names} {reason}");
    }
}

#[test]
fn pieces_of_mails_and_mails_elsewhere_are_unscannable() {
    for kind in [
        "message/partial; id=a; number=1; total=2",
        "message/external-body; access-type=URL; URL=\"http://evil/\"",
    ] {
        for mail in [
            format!("{HEAD}Content-Type: {kind}\n\nx"),
            mixed(&["\nx", &format!("Content-Type: {kind}\n\nx")]),
        ] {
            assert_eq!(fails(&mail).0, Verdict::Unscannable, "{mail}");
        }
    }
}

#[test]
fn wrapped_mail_is_unscannable() {
    for part in [
        "Content-Type: application/ms-tnef\n\nx".to_owned(),
        attached("WinMail.DAT", b"x"),
        attached("a.bin", b"\x78\x9f\x3e\x22xyz"),
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx".to_owned(),
        "Content-Type: application/x-pkcs7-mime; smime-type=signed-data; name=smime.p7m\n\nx".to_owned(),
        attached("smime.p7m", b"x"),
        "Content-Type: application/pgp-encrypted\n\nVersion: 1".to_owned(),
    ] {
        assert_eq!(fails(&mixed(&["\nx", &part])).0, Verdict::Unscannable, "{part}");
    }
    let encrypted =
        format!("{HEAD}Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b\n\ny\n--b--\n");
    assert!(fails(&encrypted).1.contains("encrypted"));
}

#[test]
fn an_archive_of_a_document_with_macros_is_refused() {
    for part in [
        "Content-Type: application/x-mso\nContent-Location: file:///C:/x/editdata\n\nx".to_owned(),
        "Content-Type: image/jpeg\nContent-Location: file:///C:/x/editdata.mso\n\nx".to_owned(),
        format!(
            "Content-Type: image/jpeg\nContent-Location: file:///C:/x/a.jpg\nContent-Transfer-Encoding: base64\n\n{}",
            base64(b"ActiveMimexyz")
        ),
    ] {
        let mail = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\nx\n--b\n{part}\n--b--\n"
        );
        assert_eq!(fails_bytes(crlf(&mail).as_bytes(), "a.mht").0, Verdict::Refused, "{part}");
    }
}

#[test]
fn a_signature_is_noted_or_keeps_the_mail_back() {
    let signed = format!(
        "{HEAD}Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n\
         --b\nContent-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nMIIx\n--b--\n"
    );
    let (text, removed) = eml(&signed);
    assert!(
        removed.contains(&Removed::new(What::Signature, "signature of the mail", 1))
            && !text.contains("MIIx")
    );
    let settings = Settings {
        options: Options { signed: Signed::Quarantine, ..Options::default() },
        ..Settings::default()
    };
    let (done, report) = examined(crlf(&signed).as_bytes(), "a.eml", &settings);
    assert!(done.is_none() && report.verdict == Verdict::Refused);
    let removed = eml(&mixed(&["\nx", &attached("smime.p7s", b"\x30\x80x")])).1;
    assert!(removed.contains(&Removed::new(What::Signature, "signature of the mail", 1)));
    // What is called a signature must be one.
    assert_eq!(fails(&mixed(&["\nx", &attached("smime.p7s", b"MZ\x90\0")])).0, Verdict::Refused);
    let hidden = signed.replace("pkcs7-signature; name=smime.p7s", "octet-stream; name=a.exe");
    assert_eq!(fails(&hidden).0, Verdict::Unscannable);
}

#[test]
fn an_attachment_that_is_not_rebuilt_keeps_back_the_mail_and_all_are_examined() {
    let mail = crlf(&mixed(&[
        "\nx",
        &attached("a.exe", b"MZ"),
        &attached("b.bin", b"\x01\x02\x03\xff\xfe\x00\x00\x01"),
        &attached("a.png", &png()),
    ]));
    let (done, report) = examined(mail.as_bytes(), "a.eml", &Settings::default());
    assert!(done.is_none() && report.verdict == Verdict::Refused, "{report:#?}");
    assert_eq!(report.children.len(), 3);
}

#[test]
fn hidden_names_are_refused() {
    for name in ["=?utf-8?Q?a=E2=80=AEgnp.exe?=", "a.exe.png", "a.png:b.exe", "a.png\u{200b}"] {
        assert_eq!(fails(&mixed(&["\nx", &attached(name, &png())])).0, Verdict::Refused, "{name}");
    }
}

#[test]
fn mails_nested_too_deep_are_over_the_limit() {
    let mut mail = format!("{HEAD}\nx");
    for _ in 0..6 {
        mail = mixed(&["\nx", &format!("Content-Type: message/rfc822\n\n{mail}")])
            .replace("xYx", &format!("y{}z", mail.len()));
    }
    assert_eq!(fails(&mail).0, Verdict::Unscannable);
    let tower = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert!(fails(&format!("{HEAD}{tower}")).1.contains("too many mails"));
    let tower: String =
        (0..30).map(|n| format!("Content-Type: multipart/mixed; boundary=q{n}q\n\n--q{n}q\n")).collect();
    assert_eq!(fails(&format!("{HEAD}{tower}\nx")).0, Verdict::Unscannable);
}

#[test]
fn too_many_parts_are_over_the_limit() {
    let limits = Limits { max_members: 10, ..Limits::default() };
    let mail = mixed(&["\nx"; 20]);
    let (done, report) = examined(mail.as_bytes(), "a.eml", &Settings { limits, ..Settings::default() });
    assert!(done.is_none() && report.reason.contains("max_members"), "{}", report.reason);
}

#[test]
fn proof_finds_what_must_be_gone() {
    let proof = |mail: &str| {
        let mail = crlf(mail);
        bench(&Limits::default(), |job| crate::mail::verify(mail.as_bytes(), Format::Mime, job)).0
    };
    let ours = eml(&mixed(&["Content-Type: text/plain\n\nx", &attached("a.png", &png())])).0;
    assert_eq!(proof(&ours), Ok(()));
    for bad in [
        ours.replace("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nX-Evil: x\r\n"),
        ours.replace("a.png", "a.exe"),
        ours.replace("image/png", "application/x-msdownload"),
        ours.replace("text/plain; charset=utf-8", "message/partial"),
        ours.replace("\r\nx\r\n", "\r\n=1B=5B2J\r\n"),
        ours.replace("\r\nx\r\n", "\r\n\u{e9}\r\n"),
        format!("{HEAD}Content-Type: text/html; charset=utf-8\n\n<script>x</script>"),
        mixed(&["Content-Type: text/plain\n\nx", &attached("a.png", b"MZ")]),
    ] {
        assert!(matches!(proof(&bad), Err(Failure::Unproved(_))), "{bad}");
    }
}

#[test]
fn a_signature_that_is_dropped_is_inspected() {
    struct Scanner;
    impl crate::job::Inspector for Scanner {
        fn inspect(
            &mut self,
            bytes: &[u8],
            seen: crate::job::Seen,
        ) -> Result<Vec<crate::report::Step>, Failure> {
            match seen.depth > 0 && bytes == b"\x30EICAR" {
                true => Err(Failure::Infected("found".to_owned())),
                false => Ok(Vec::new()),
            }
        }
    }
    let signed = format!(
        "{HEAD}Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n\
         --b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n{}\n--b--\n",
        base64(b"\x30EICAR")
    );
    for mail in [signed, mixed(&["\nx", &attached("smime.p7s", b"\x30EICAR")])] {
        let declared = Declared { name: "a.eml", media_type: "" };
        let done = sanitize(crlf(&mail).as_bytes(), &declared, &Settings::default(), &mut Scanner);
        assert_eq!(done.report().verdict, Verdict::Infected);
    }
}

#[test]
fn names_that_grow_when_encoded_stay_on_short_lines() {
    for name in
        ["\u{1f600}".repeat(120) + ".png", "\u{4e00}".repeat(118), "a".repeat(119), "\u{e9} ".repeat(300)]
    {
        let named = format!(
            "Content-Type: image/png\nContent-Disposition: attachment;\n filename=\"=?utf-8?B?{}?=\"\nContent-Transfer-Encoding: base64\n\n{}",
            base64(name.as_bytes()).replace('\n', ""),
            base64(&png())
        );
        // Rebuilding twice, and the proof, hold the lines against their limit.
        eml(&mixed(&["\nx", &named]));
    }
}

#[test]
fn an_attached_mail_full_of_boundaries_is_read_once() {
    // Boundaries that only a mail of ours has, in a field that stays: numbers are passed over without reading it again.
    let part = |n: u32| {
        format!(
            "Content-Type: multipart/mixed; boundary=\"=_sluse_{n}_\"\n\n--=_sluse_{n}_\n\nx\n--=_sluse_{n}_\n\ny\n--=_sluse_{n}_--"
        )
    };
    let inner = format!("{HEAD}{}", part(1));
    let attached = format!("Content-Type: message/rfc822\n\n{inner}");
    let (text, _) = eml(&mixed(&["\nx", &attached, &attached]));
    assert!(text.contains("boundary=\"=_sluse_1_\"") && text.contains("boundary=\"=_sluse_2_\""), "{text}");
}
