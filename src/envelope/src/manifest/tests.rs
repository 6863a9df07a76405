use super::*;

fn manifest() -> Manifest {
    Manifest {
        form: "building-permit".into(),
        version: 3,
        fields: RawValue::from_string(r#"{"cpr":"010203-0405","n":1.50}"#.into()).unwrap(),
        reply_to: Some("outcomes.portal".into()),
        attachments: vec![attachment("drawing.pdf"), attachment("../../etc/passwd")],
    }
}

fn attachment(name: &str) -> Attachment {
    Attachment {
        name: name.into(),
        media_type: "application/pdf".into(),
        size: 123_456,
        sha256: Sha256::of(b"abc"),
        blob: BlobRef::generate().unwrap(),
        key: BlobKey::generate().unwrap(),
    }
}

fn json() -> String {
    String::from_utf8(manifest().to_json().unwrap().to_vec()).unwrap()
}

fn refused(json: &str) -> bool {
    matches!(Manifest::from_json(json.as_bytes()), Err(ManifestError::Json { .. }))
}

#[test]
fn round_trips_with_fields_kept_to_the_byte() {
    let manifest = manifest();
    let json = manifest.to_json().unwrap();
    assert_eq!(json.capacity(), json.len());
    let read = Manifest::from_json(&json).unwrap();
    assert_eq!(read.fields.get(), manifest.fields.get());
    assert_eq!(read.attachments, manifest.attachments);
    assert_eq!((read.form, read.version, read.reply_to), (manifest.form, 3, manifest.reply_to));
}

#[test]
fn reply_to_may_be_left_out() {
    let manifest = Manifest { reply_to: None, attachments: Vec::new(), ..manifest() };
    let json = manifest.to_json().unwrap();
    assert!(!String::from_utf8_lossy(&json).contains("reply_to"));
    assert_eq!(Manifest::from_json(&json).unwrap().reply_to, None);
}

#[test]
fn unknown_missing_and_repeated_members_are_refused() {
    let good = json();
    assert!(refused(&good.replacen('{', r#"{"extra":1,"#, 1)));
    assert!(refused(&good.replacen(r#""name""#, r#""path":"x","name""#, 1)));
    assert!(refused(&good.replacen(r#""version":3,"#, "", 1)));
    assert!(refused(&good.replacen(r#""version":3,"#, r#""version":3,"version":4,"#, 1)));
    assert!(refused(&good.replacen(r#""size":123456"#, r#""size":-1"#, 1)));
    assert!(refused(&good.replacen(r#""size":123456"#, r#""size":1.5"#, 1)));
    assert!(refused(&good[..good.len() - 1]));
    assert!(refused(&format!("{good}{good}")));
    assert!(refused(""));
}

#[test]
fn a_blob_reference_that_climbs_out_of_its_folder_is_refused() {
    let manifest = manifest();
    let reference = manifest.attachments[0].blob.to_string();
    let json = String::from_utf8(manifest.to_json().unwrap().to_vec()).unwrap();
    assert!(refused(&json.replace(&reference, "../../../../../../../etc/passwd0")));
    assert!(
        refused(&json.replace(&reference, &reference.to_uppercase()))
            || reference.to_uppercase() == reference
    );
}

#[test]
fn one_blob_under_two_names_is_refused() {
    let mut manifest = manifest();
    manifest.attachments[1].blob = manifest.attachments[0].blob;
    assert_eq!(manifest.to_json().unwrap_err(), ManifestError::BlobNamedTwice(1));
    let json = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap_err(), ManifestError::BlobNamedTwice(1));
}

#[test]
fn over_a_limit_is_refused() {
    let attachments = vec![attachment("x"); MAX_ATTACHMENTS + 1];
    let json = serde_json::to_vec(&Manifest { attachments, ..manifest() }).unwrap();
    assert_eq!(
        Manifest::from_json(&json).unwrap_err(),
        ManifestError::TooManyAttachments(MAX_ATTACHMENTS + 1)
    );

    let long = "a".repeat(MAX_TEXT_LEN + 1);
    let error = Manifest { form: long.clone(), ..manifest() }.to_json().unwrap_err();
    assert_eq!(error, ManifestError::TextTooLong("the form's name"));
    let error = Manifest { attachments: vec![attachment(&long)], ..manifest() }.to_json().unwrap_err();
    assert_eq!(error, ManifestError::TextTooLong("an attachment's name"));

    let mut too_large = manifest();
    too_large.attachments[1].size = MAX_BLOB_LEN + 1;
    assert_eq!(too_large.to_json().unwrap_err(), ManifestError::AttachmentTooLarge(1));

    let spaces = vec![b' '; MAX_CONTENT_LEN + 1];
    assert_eq!(Manifest::from_json(&spaces).unwrap_err(), ManifestError::TooLarge);
    let fields = RawValue::from_string(format!("\"{}\"", "x".repeat(MAX_CONTENT_LEN))).unwrap();
    assert_eq!(Manifest { fields, ..manifest() }.to_json().unwrap_err(), ManifestError::TooLarge);
}

#[test]
fn deep_nesting_in_fields_does_not_overflow_the_stack() {
    let depth = 1_000_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let json = json().replace(r#"{"cpr":"010203-0405","n":1.50}"#, &nested);
    // Either answer is right, as long as it is given.
    let _ = Manifest::from_json(json.as_bytes());
}

#[test]
fn errors_and_debug_show_no_keys() {
    let manifest = manifest();
    let json = serde_json::to_value(&manifest).unwrap();
    let key = json["attachments"][0]["key"].as_str().unwrap();
    assert!(!format!("{manifest:?}").contains(key));
}
