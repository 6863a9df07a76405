use super::*;

#[test]
fn a_plain_mail_keeps_what_it_says() {
    let (text, removed) = eml(
        "Received: from x\nFrom: =?utf-8?Q?J=C3=BCrgen?= <j@b.de>\nTo: b@b.nl, \"C, D\" <c@d.nl>\nCc: e@f.nl\nSubject: =?iso-8859-1?Q?caf=E9?=\n\
         Date: Wed, 20 Jul 2016 17:35:02 +0100\nMessage-ID: <1@b.de>\nX-Mailer: x\n\nHallo,\n.\nFrom here = there\ncafé \n",
    );
    assert_eq!(
        text,
        crlf(
            "From: =?utf-8?B?SsO8cmdlbg==?=\n <j@b.de>\nTo: <b@b.nl>,\n =?utf-8?B?QywgRA==?=\n <c@d.nl>\nCc: <e@f.nl>\nSubject: =?utf-8?B?Y2Fmw6k=?=\n\
             Date: Wed, 20 Jul 2016 17:35:02 +0100\nMessage-ID: <1@b.de>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: quoted-printable\n\nHallo,\n=2E\n=46rom here =3D there\ncaf=C3=A9=20\n"
        )
    );
    assert_eq!(removed, [Removed::new(What::Metadata, "fields", 2)]);
}

#[test]
fn bodies_pictures_and_attachments_keep_their_places() {
    let png = png();
    let mail = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=\"outer x\"\n\n--outer x\nContent-Type: multipart/alternative; boundary=alt\n\n\
         --alt\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\ncaf=E9 =\nx\n\
         --alt\nContent-Type: multipart/related; boundary=rel; type=\"text/html\"\n\n--rel\nContent-Type: text/html; charset=utf-8\n\n\
         <p>café<script>x</script><img src=\"cid:logo%40x\" alt=a><img src=http://evil/></p>\n--rel\nContent-Type: image/png\nContent-ID: <logo@x>\n\
         Content-Transfer-Encoding: base64\n\n{}\n--rel--\n\n--alt--\n\n--outer x\n{}\n--outer x--\n",
        base64(&png),
        attached("foto.png", &png),
    );
    let (text, removed) = eml(&mail);
    let order = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "caf=C3=A9 x\r\n",
        "multipart/related",
        "text/html",
        "caf=C3=A9<img src=3D\"cid:picture-1@sluse.invalid\" alt=3D\"a\">",
        "Content-ID: <picture-1@sluse.invalid>",
        "filename=\"foto.png\"",
    ];
    let unfolded = text.replace("=\r\n", "");
    let places: Vec<usize> =
        order.iter().map(|piece| unfolded.find(piece).unwrap_or_else(|| panic!("{piece}: {text}"))).collect();
    assert!(places.is_sorted(), "{places:?} {text}");
    assert!(!text.contains("evil") && !text.contains("<script"));
    assert!(
        removed.iter().any(|r| r.what == What::Script)
            && removed.iter().any(|r| r.what == What::ExternalReference)
    );
}

#[test]
fn attachments_are_children_with_names_that_fit_their_type() {
    let (text, report) = rebuilt(
        crlf(&mixed(&[
            "Content-Type: text/plain\n\nx",
            &attached("../../Übersicht\u{fc}.png", &png()),
            &attached("foto", &png()),
            &attached("foto.png", &png()),
            "Content-Type: text/csv; charset=iso-8859-1; name=\"=?iso-8859-1?Q?caf=E9.csv?=\"\nContent-Transfer-Encoding: quoted-printable\n\na;caf=E9\n",
        ]))
        .as_bytes(),
        "a.eml",
    );
    let names: Vec<&str> = report.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["../../Übersichtü.png", "foto", "foto.png", "café.csv"]);
    for name in [
        "filename*=utf-8''%C3%9Cbersicht%C3%BC.png",
        "filename=\"foto.png\"",
        "filename*=utf-8''foto%20%282%29.png",
        "filename*=utf-8''caf%C3%A9.csv",
    ] {
        assert!(text.contains(name), "{name} {text}");
    }
}

#[test]
fn rfc_2231_names_in_pieces_are_read() {
    let part = "Content-Type: application/octet-stream\nContent-Disposition: attachment;\n filename*0*=utf-8''%c3%9c; filename*1=\"ber\"; filename*2=.png\n\
        Content-Transfer-Encoding: base64\n\n";
    let (text, _) = eml(&mixed(&[&format!("{part}{}", base64(&png()))]));
    assert!(text.contains("filename*=utf-8''%C3%9Cber.png"), "{text}");
}

#[test]
fn mails_in_mails_are_rebuilt_too() {
    let inner = mixed(&["Content-Type: text/html\n\n<p>x<script>y</script>", &attached("a.png", &png())])
        .replace("xYx", "inner");
    let mail =
        mixed(&["Content-Type: text/plain\n\nsee", &format!("Content-Type: message/rfc822\n\n{inner}")]);
    let (text, report) = rebuilt(crlf(&mail).as_bytes(), "a.eml");
    assert_eq!(report.children.len(), 1);
    assert_eq!(report.children[0].children.len(), 1);
    // The outer boundary is none of the inner one's.
    assert!(text.contains("boundary=\"=_sluse_1_\"") && text.contains("boundary=\"=_sluse_2_\""), "{text}");
    assert!(text.contains("filename=\"message.eml\"") && !text.contains("<script"), "{text}");
}

#[test]
fn a_web_archive_comes_out_as_a_mail_with_its_pictures() {
    let archive = format!(
        "From: <Saved by Blink>\nSubject: page\nMIME-Version: 1.0\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"b\"\n\n\
         --b\nContent-Type: text/html\nContent-Location: http://a.nl/map/index.html\n\n<p>x<img src=\"logo.png\"><img src=\"http://a.nl/map/logo.png\"><img src=http://evil/></p>\n\
         --b\nContent-Type: image/png\nContent-Location: http://a.nl/map/logo.png\nContent-Transfer-Encoding: base64\n\n{}\n\
         --b\nContent-Type: text/css\nContent-Location: http://a.nl/a.css\n\np{{background:url(http://evil/)}}\n\
         --b\nContent-Type: text/html\nContent-Location: http://a.nl/frame.html\n\n<script>x</script>\n--b--\n",
        base64(&png())
    );
    let (text, report) = rebuilt(crlf(&archive).as_bytes(), "pagina.mht");
    assert_eq!(text.replace("=\r\n", "").matches("cid:picture-1@sluse.invalid").count(), 2, "{text}");
    assert!(!text.contains("evil") && !text.contains("script"), "{text}");
    let gone: Vec<What> = report.removed.iter().map(|removed| removed.what).collect();
    assert!(gone.contains(&What::EmbeddedObject) && gone.contains(&What::UnknownPart), "{gone:?}");
}

#[test]
fn a_picture_that_cannot_be_rebuilt_is_replaced_in_the_text() {
    let mail = format!(
        "{HEAD}Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src=cid:x>\n--b\nContent-Type: image/png; name=a.png\nContent-ID: <x>\n\nnothing\n--b--\n"
    );
    let (text, removed) = eml(&mail);
    assert!(text.contains(base64(crate::image::BLANK).trim().get(..60).unwrap()), "{text}");
    assert!(removed.iter().any(|removed| removed.what == What::Picture));
}

#[test]
fn a_mailing_list_footer_and_a_calendar_do_not_keep_a_mail_back() {
    let (text, removed) = eml(&mixed(&[
        "Content-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain\n\nx\n--alt\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\n--alt--",
        "Content-Type: text/plain; charset=us-ascii (Plain text)\nContent-Disposition: inline\n\nfooter",
    ]));
    assert!(text.contains("\r\nx\r\n") && text.contains("footer") && !text.contains("VCALENDAR"), "{text}");
    assert!(removed.contains(&Removed::new(What::UnknownPart, "part of type text/calendar", 1)));
}

#[test]
fn texts_lose_control_characters() {
    let (text, removed) =
        eml(&format!("{HEAD}Content-Type: text/plain; charset=utf-8\n\na\u{1b}[2Jb\u{202e}c\n"));
    assert!(text.ends_with("\r\n\r\na[2Jbc\r\n"), "{text}");
    assert!(removed.iter().any(|removed| removed.what == What::ControlCharacter));
}

#[test]
fn a_mail_from_a_mail_folder_loses_its_envelope_line() {
    let (text, _) = eml(&format!("From a@a.nl Wed Jul 20 17:35:09 2016\n{HEAD}\nx"));
    assert!(text.starts_with("From: A <a@a.nl>\r\n"), "{text}");
}

#[test]
fn parts_and_mails_without_a_body_are_read() {
    let (text, _) = eml(&format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n--b\nContent-Type: text/plain\n\n\n--b\n\nx\n--b--\n"
    ));
    assert!(text.contains("\r\n\r\nx\r\n--"), "{text}");
    for mail in [format!("{HEAD}\n"), HEAD.to_owned(), format!("{HEAD}Content-Type: text/html\n\n")] {
        assert!(eml(&mail).0.starts_with("From: A <a@a.nl>\r\n"), "{mail}");
    }
}

#[test]
fn an_unended_mail_and_bare_line_feeds_are_read() {
    let mail = format!("{HEAD}Content-Type: multipart/mixed; boundary=\"b c\"\n\n--b c  \n\nx\ny\n");
    let (text, _) = rebuilt(mail.as_bytes(), "a.eml");
    assert!(text.ends_with("\r\n\r\nx\r\ny\r\n"), "{text}");
}

#[test]
fn a_mail_in_base64_is_rebuilt_too() {
    let inner = crlf(&mixed(&["Content-Type: text/plain\n\ninner text"]));
    let part = format!(
        "Content-Type: message/rfc822; name=\"brief.eml\"\nContent-Transfer-Encoding: base64\n\n{}",
        base64(inner.as_bytes())
    );
    let (text, _) = eml(&mixed(&["\nx", &part]));
    assert!(text.contains("filename=\"brief.eml\"") && text.contains("inner text"), "{text}");
}

#[test]
fn invitations_and_contacts_are_left_out() {
    let (text, removed) = eml(&mixed(&[
        "\nx",
        &attached("invite.ics", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"),
        &attached("a.vcf", b"\xef\xbb\xbfbegin:vcard\nVERSION:3.0\nEND:VCARD\n"),
        "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nEND:VCALENDAR",
    ]));
    assert!(!text.to_uppercase().contains("BEGIN:V") && !text.contains("base64"), "{text}");
    let places: Vec<&str> = removed.iter().map(|removed| removed.r#where.as_str()).collect();
    for place in ["invitation or contact invite.ics", "invitation or contact a.vcf", "invitation or contact "]
    {
        assert!(places.contains(&place), "{places:?}");
    }
    // What is only called so is not passed over.
    assert_eq!(fails(&mixed(&["\nx", &attached("a.ics", b"MZ\x90\0")])).0, Verdict::Refused);
}
