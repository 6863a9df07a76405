//! A contract that keeps the originals of signed documents beside their rebuilt copies.

use sluse::config::console::Settings;
use sluse::console::open_report;
use sluse::ledger::reports;
use sluse_envelope::{BlobOpener, BlobPlace, Direction, Expected};

use super::town::{Town, building, eventually};

const SIGNED_MAIL: &[u8] = b"Subject: Tilladelse\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/signed; boundary=b; protocol=\"application/pkcs7-signature\"\r\n\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nHermed ansoegning.\r\n\
--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--b--\r\n";

#[test]
fn a_signed_original_is_kept_for_security_staff_beside_the_rebuilt_copy() {
    let mut town = Town::new();
    let contract = "bridge/rules/contracts/building-permit.toml";
    town.edit(contract, "#signed = \"rebuild\"", "signed = \"keep_original\"");
    town.edit(contract, "formats = [", "formats = [\"mime\", \"text\", ");
    town.start_all();
    let signed = town.file("signed.eml", SIGNED_MAIL);
    let plain = town.file("note.txt", b"no signature");
    let portal = town.portal();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let status = runtime.block_on(async {
        let answer = portal.submit(&building(), &[plain, signed], None, |_| {}).await.unwrap();
        portal.wait(answer["id"].as_str().unwrap()).await.unwrap()
    });
    assert_eq!(status["status"], "relayed");
    let id = status["id"].as_str().unwrap().to_owned();
    eventually("it is delivered", || town.delivered().contains(&id).then_some(()));
    eventually("its report is kept", || town.quarantined().contains(&id).then_some(()));

    let settings = Settings::load(town.config("console").as_ref()).unwrap();
    let submission = id.parse().unwrap();
    let report = runtime.block_on(async {
        let ledger = reports::open(&settings.ledger).await.unwrap();
        let (_, sealed) = ledger.find(submission).await.unwrap().unwrap();
        open_report(&settings, &sealed).unwrap()
    });
    assert!(report.fields.is_none(), "fields that were delivered need not be kept");
    assert!(report.attachments[0].kept.is_none(), "nothing is kept of a file without signature");
    let kept = report.attachments[1].kept.as_ref().unwrap();
    let sealed = super::town::files_below(&town.at("secure/quarantine"))
        .into_iter()
        .find(|path| path.ends_with(kept.blob.to_string()))
        .unwrap();
    let place = BlobPlace { submission, index: 1, direction: Direction::Quarantine };
    let expected = Expected { size: kept.size, sha256: kept.sha256.parse().unwrap() };
    let mut opener = BlobOpener::new(kept.key.clone(), &place, expected).unwrap();
    let mut original = Vec::new();
    opener.push(&std::fs::read(sealed).unwrap(), &mut original).unwrap();
    opener.finish().unwrap();
    assert_eq!(original, SIGNED_MAIL);
}
