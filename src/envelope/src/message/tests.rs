use std::time::Duration;

use super::*;
use crate::key::PrivateKey;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A sealer and a bridge that trust each other.
struct Parties {
    sealer: SigningKey,
    sealers: VerifyingKeyRing,
    keys: PrivateKeyRing,
}

impl Parties {
    fn new(suite: Suite) -> Self {
        let sealer = SigningKey::generate().unwrap();
        let sealers = VerifyingKeyRing::new(vec![sealer.verifying_key().clone()]);
        let keys = PrivateKeyRing::new(vec![PrivateKey::generate(suite).unwrap()]);
        Self { sealer, sealers, keys }
    }

    fn sealing(&self) -> Sealing<'_> {
        Sealing {
            direction: Direction::Dmz,
            submission: SubmissionId::new(NOW).unwrap(),
            created: NOW,
            recipient: self.keys.iter().next().unwrap().public_key(),
            sealer: &self.sealer,
        }
    }

    fn seal(&self, content: &[u8]) -> Vec<u8> {
        self.sealing().seal(content).unwrap()
    }

    fn open(&self, message: &[u8]) -> Result<Opened, Refused> {
        let verified = SealedMessage::parse(message)?.verify(&self.sealers)?;
        Ok(verified.open(&self.keys, Direction::Dmz, Suite::ALL)?)
    }

    /// Signs again what was changed, as a listed sealer that misbehaves could.
    fn sign_again(&self, message: &mut [u8]) {
        let (signed, signature) = message.split_last_chunk_mut::<SIGNATURE_LEN>().unwrap();
        *signature = self.sealer.sign(Domain::MESSAGE, signed).to_bytes();
    }

    /// Encrypts any plaintext and header, as a listed sealer that misbehaves could.
    fn seal_raw(&self, header: &Header, plaintext: &[u8]) -> Vec<u8> {
        let mut message = header.write().to_vec();
        let mut enc = vec![0; header.suite.enc_len()];
        let mut body = plaintext.to_vec();
        let tag = match &self.keys.iter().next().unwrap().public_key().kem {
            PublicKem::XWing(key) => encrypt::<XWing>(key, &message, &mut enc, &mut body),
            PublicKem::X25519(key) => encrypt::<X25519HkdfSha256>(key, &message, &mut enc, &mut body),
        };
        message.extend_from_slice(&enc);
        message.extend_from_slice(&body);
        message.extend_from_slice(&tag.unwrap());
        message.extend_from_slice(&[0; SIGNATURE_LEN]);
        self.sign_again(&mut message);
        message
    }
}

/// Whichever step refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

#[test]
fn what_is_sealed_opens_the_same() {
    for suite in Suite::ALL.iter().copied() {
        let parties = Parties::new(suite);
        for length in [0, 1, 4092, 4093, 100_000] {
            let content: Vec<u8> = (0..=250).cycle().take(length).collect();
            let message = parties.seal(&content);
            let opened = parties.open(&message).unwrap();
            assert_eq!(opened.content(), content);
            assert_eq!(opened.header().suite, suite);
            assert_eq!(opened.header().created, NOW);
            assert_eq!(*opened.into_content(), content);
        }
    }
}

#[test]
fn the_largest_content_seals_and_one_byte_more_does_not() {
    let parties = Parties::new(Suite::X25519);
    let mut content = vec![1; MAX_CONTENT_LEN];
    let message = parties.seal(&content);
    assert_eq!(parties.open(&message).unwrap().content(), content);
    content.push(1);
    assert_eq!(parties.sealing().seal(&content), Err(SealError::TooLarge { length: MAX_CONTENT_LEN + 1 }));
}

#[test]
fn forms_of_usual_length_are_sealed_to_one_length() {
    let parties = Parties::new(Suite::XWing);
    assert_eq!(parties.seal(b"").len(), parties.seal(&[1; 4000]).len());
}

#[test]
fn the_message_s_length_is_that_of_the_table() {
    assert_eq!(Parties::new(Suite::XWing).seal(b"x").len(), 72 + 1120 + 4096 + 16 + 64);
    assert_eq!(Parties::new(Suite::X25519).seal(b"x").len(), 72 + 32 + 4096 + 16 + 64);
}

#[test]
fn cut_short_anywhere_is_truncated() {
    for suite in Suite::ALL.iter().copied() {
        let parties = Parties::new(suite);
        let message = parties.seal(b"content");
        for length in 0..message.len() {
            let error = parties.open(&message[..length]).unwrap_err();
            let expected = if length < HEADER_LEN { HEADER_LEN } else { message.len() };
            assert_eq!(error, Refused::Parse(ParseError::Truncated { expected, actual: length }));
        }
    }
}

#[test]
fn bytes_after_the_end_are_extended() {
    let parties = Parties::new(Suite::X25519);
    let mut message = parties.seal(b"content");
    let expected = message.len();
    message.push(0);
    assert_eq!(
        parties.open(&message).unwrap_err(),
        Refused::Parse(ParseError::Extended { expected, actual: expected + 1 })
    );
    let doubled = [&message[..expected], &message[..expected]].concat();
    assert_eq!(
        parties.open(&doubled).unwrap_err(),
        Refused::Parse(ParseError::Extended { expected, actual: 2 * expected })
    );
}

#[test]
fn any_bit_flipped_anywhere_is_refused_before_decryption() {
    let parties = Parties::new(Suite::X25519);
    let message = parties.seal(b"content");
    for index in 0..message.len() {
        for bit in 0..8 {
            // Every bit of header, enc and signature; one bit per byte of the long ciphertext.
            if (HEADER_LEN + 32..message.len() - SIGNATURE_LEN).contains(&index) && bit != index % 8 {
                continue;
            }
            let mut changed = message.clone();
            changed[index] ^= 1 << bit;
            let error = parties.open(&changed).unwrap_err();
            assert!(!matches!(error, Refused::Open(_)), "byte {index} bit {bit}: {error:?}");
        }
    }
}

#[test]
fn any_byte_changed_by_a_listed_sealer_after_encrypting_is_refused() {
    for suite in Suite::ALL.iter().copied() {
        let parties = Parties::new(suite);
        let message = parties.seal(b"content");
        let signed = message.len() - SIGNATURE_LEN;
        for index in (0..HEADER_LEN).chain((HEADER_LEN..signed).step_by(37)).chain(signed - 16..signed) {
            let mut changed = message.clone();
            changed[index] ^= 0x01;
            parties.sign_again(&mut changed);
            let error = parties.open(&changed).unwrap_err();
            if index >= HEADER_LEN {
                assert_eq!(error, Refused::Open(OpenError::Tampered), "byte {index}");
            }
        }
    }
}

#[test]
fn signed_by_nobody_listed_is_an_unknown_sealer() {
    let parties = Parties::new(Suite::X25519);
    let stranger = Parties::new(Suite::X25519);
    let message = parties.seal(b"content");
    let id = parties.sealer.id();
    assert_eq!(stranger.open(&message).unwrap_err(), Refused::Verify(VerifyError::UnknownSealer(id)));
    let nobody = VerifyingKeyRing::default();
    assert_eq!(
        SealedMessage::parse(&message).unwrap().verify(&nobody).unwrap_err(),
        VerifyError::UnknownSealer(id)
    );
}

#[test]
fn signed_by_a_stranger_in_a_listed_name_is_a_bad_signature() {
    let parties = Parties::new(Suite::X25519);
    let stranger = Parties::new(Suite::X25519);
    let mut message = parties.seal(b"content");
    stranger.sign_again(&mut message);
    assert_eq!(
        parties.open(&message).unwrap_err(),
        Refused::Verify(VerifyError::BadSignature(parties.sealer.id()))
    );
}

#[test]
fn taken_over_by_another_listed_sealer_does_not_open() {
    let parties = Parties::new(Suite::X25519);
    let thief = SigningKey::generate().unwrap();
    let ring = VerifyingKeyRing::new(vec![thief.verifying_key().clone()]);
    let mut message = parties.seal(b"content");
    message[44..60].copy_from_slice(&thief.id().to_bytes());
    let (signed, signature) = message.split_last_chunk_mut::<SIGNATURE_LEN>().unwrap();
    *signature = thief.sign(Domain::MESSAGE, signed).to_bytes();
    let verified = SealedMessage::parse(&message).unwrap().verify(&ring).unwrap();
    assert_eq!(verified.open(&parties.keys, Direction::Dmz, Suite::ALL).unwrap_err(), OpenError::Tampered);
}

#[test]
fn a_signature_for_another_purpose_is_a_bad_signature() {
    let parties = Parties::new(Suite::X25519);
    let mut message = parties.seal(b"content");
    let (signed, signature) = message.split_last_chunk_mut::<SIGNATURE_LEN>().unwrap();
    *signature = parties.sealer.sign(Domain::new("test receipt/1"), signed).to_bytes();
    assert!(matches!(parties.open(&message), Err(Refused::Verify(VerifyError::BadSignature(_)))));
}

#[test]
fn sent_back_or_to_another_gate_is_the_wrong_direction() {
    let parties = Parties::new(Suite::X25519);
    let message = Sealing { direction: Direction::Secure, ..parties.sealing() }.seal(b"content").unwrap();
    assert_eq!(
        parties.open(&message).unwrap_err(),
        Refused::Open(OpenError::WrongDirection { expected: Direction::Dmz, found: Direction::Secure })
    );
}

#[test]
fn a_suite_that_is_turned_off_is_not_accepted() {
    let parties = Parties::new(Suite::X25519);
    let message = parties.seal(b"content");
    let verified = SealedMessage::parse(&message).unwrap().verify(&parties.sealers).unwrap();
    for accepted in [&[][..], &[Suite::XWing]] {
        assert_eq!(
            verified.open(&parties.keys, Direction::Dmz, accepted).unwrap_err(),
            OpenError::SuiteNotAccepted(Suite::X25519)
        );
    }
}

#[test]
fn sealed_to_another_key_is_an_unknown_recipient() {
    let parties = Parties::new(Suite::XWing);
    let message = parties.seal(b"content");
    let verified = SealedMessage::parse(&message).unwrap().verify(&parties.sealers).unwrap();
    let others = Parties::new(Suite::XWing).keys;
    assert_eq!(
        verified.open(&others, Direction::Dmz, Suite::ALL).unwrap_err(),
        OpenError::UnknownRecipient(parties.sealing().recipient.id())
    );
}

#[test]
fn an_old_key_still_opens_while_keys_overlap() {
    let parties = Parties::new(Suite::X25519);
    let message = parties.seal(b"content");
    let Parties { sealer, sealers, keys: PrivateKeyRing { .. } } = &parties;
    let old = PrivateKey::from_bytes(Suite::X25519, &parties.keys.iter().next().unwrap().to_bytes()).unwrap();
    let new = PrivateKey::generate(Suite::XWing).unwrap();
    let rotated = PrivateKeyRing::new(vec![new, old]);
    let verified = SealedMessage::parse(&message).unwrap().verify(sealers).unwrap();
    assert_eq!(verified.open(&rotated, Direction::Dmz, Suite::ALL).unwrap().content(), b"content");
    assert_eq!(verified.header().sealer, sealer.id());
}

#[test]
fn downgraded_to_another_suite_by_a_listed_sealer_does_not_open() {
    let parties = Parties::new(Suite::X25519);
    let sealed = parties.seal(b"content");
    let header = Header { suite: Suite::XWing, ..*SealedMessage::parse(&sealed).unwrap().header() };
    let mut message = header.write().to_vec();
    message.resize(72 + 1120 + 4096 + 16 + 64, 0);
    parties.sign_again(&mut message);
    assert_eq!(
        parties.open(&message).unwrap_err(),
        Refused::Open(OpenError::UnknownRecipient(header.recipient))
    );
}

#[test]
fn an_all_zero_encapsulated_key_is_refused() {
    for suite in Suite::ALL.iter().copied() {
        let parties = Parties::new(suite);
        let mut message = parties.seal(b"content");
        message[HEADER_LEN..HEADER_LEN + suite.enc_len()].fill(0);
        parties.sign_again(&mut message);
        assert_eq!(parties.open(&message).unwrap_err(), Refused::Open(OpenError::Tampered));
    }
}

#[test]
fn padding_that_hides_bytes_or_lies_about_the_length_is_bad_padding() {
    let parties = Parties::new(Suite::X25519);
    let sealed = parties.seal(b"content");
    let header = *SealedMessage::parse(&sealed).unwrap().header();
    let plaintext = |length: u32| {
        let mut plaintext = vec![0; 4096];
        plaintext[..4].copy_from_slice(&length.to_be_bytes());
        plaintext
    };
    parties.open(&parties.seal_raw(&header, &plaintext(0))).unwrap();
    parties.open(&parties.seal_raw(&header, &plaintext(4092))).unwrap();

    for length in [4093, 4096, 1 << 24, u32::MAX] {
        let message = parties.seal_raw(&header, &plaintext(length));
        assert_eq!(parties.open(&message).unwrap_err(), Refused::Open(OpenError::BadPadding), "{length}");
    }
    for hidden in [4, 2000, 4095] {
        let mut plaintext = plaintext(0);
        plaintext[hidden] = 1;
        let message = parties.seal_raw(&header, &plaintext);
        assert_eq!(parties.open(&message).unwrap_err(), Refused::Open(OpenError::BadPadding), "{hidden}");
    }
    let longer = Header { padded_length: 8192, ..header };
    let message = parties.seal_raw(&longer, &vec![0; 8192]);
    assert_eq!(parties.open(&message).unwrap_err(), Refused::Open(OpenError::BadPadding));
}

#[test]
fn a_public_key_of_small_order_is_refused_when_sealing() {
    let parties = Parties::new(Suite::X25519);
    let recipient = PublicKey::from_bytes(Suite::X25519, &[0; 32]).unwrap();
    let sealing = Sealing { recipient: &recipient, ..parties.sealing() };
    assert_eq!(sealing.seal(b"content"), Err(SealError::BadRecipient(recipient.id())));
}

#[test]
fn replayed_too_late_or_dated_ahead_is_refused() {
    let parties = Parties::new(Suite::X25519);
    let message = parties.seal(b"content");
    let verified = SealedMessage::parse(&message).unwrap().verify(&parties.sealers).unwrap();
    let (age, skew) = (Duration::from_secs(60), Duration::from_secs(5));
    let at = |now: u64| verified.check_age(UnixMillis(now), age, skew);
    assert_eq!(at(NOW.0), Ok(()));
    assert!(matches!(at(NOW.0 + 60_001), Err(AgeError::TooOld { .. })));
    assert!(matches!(at(NOW.0 - 5_001), Err(AgeError::FromFuture { .. })));
}

#[test]
fn random_bytes_after_a_good_header_are_refused() {
    let parties = Parties::new(Suite::XWing);
    let mut message = parties.seal(b"content");
    message[HEADER_LEN..].fill(0xa5);
    assert!(matches!(parties.open(&message), Err(Refused::Verify(VerifyError::BadSignature(_)))));
    parties.sign_again(&mut message);
    assert_eq!(parties.open(&message).unwrap_err(), Refused::Open(OpenError::Tampered));
}

#[test]
fn debug_shows_no_content() {
    let parties = Parties::new(Suite::X25519);
    let message = parties.seal(b"secret");
    let shown = format!("{:?}", parties.open(&message).unwrap());
    assert!(shown.ends_with(", 6 bytes)"), "{shown}");
}
