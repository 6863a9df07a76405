//! The real clamd, with a database of one signature, on a socket of its own.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clamd::test_virus;
use super::{Clamd, ClamdAddress, ClamdConfig, ScanError, Verdict};
use crate::sandbox::SealedMemory;

struct RealClamd {
    clamd: Clamd,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for RealClamd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const MIB: u64 = 1 << 20;

/// Starts clamd with `StreamMaxLength` and `MaxFileSize`, and waits until it answers.
async fn start(stream_bytes: u64, file_bytes: u64, max_stream_bytes: u64) -> RealClamd {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["db", "tmp"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let mut database = std::fs::File::create(at("db/local.ndb")).unwrap();
    writeln!(database, "Eicar-Test:0:*:{}", hex::encode(test_virus())).unwrap();
    let mut config = format!(
        "DatabaseDirectory {}\nTemporaryDirectory {}\nLocalSocket {}\nPidFile {}\nForeground yes\nMaxThreads 4\n\
         StreamMaxLength {stream_bytes}\nMaxFileSize {file_bytes}\nMaxScanSize {file_bytes}\nMaxRecursion 16\n\
         MaxFiles 1000\nMaxScanTime 20000\nAlertExceedsMax yes\nAlertEncrypted yes\nAlertEncryptedArchive yes\n\
         AlertEncryptedDoc yes\nSelfCheck 0\nExitOnOOM yes\n",
        at("db"),
        at("tmp"),
        at("socket"),
        at("pid"),
    );
    if rustix::process::geteuid().is_root() {
        config.push_str("User root\n");
    }
    std::fs::write(at("clamd.conf"), config).unwrap();
    let process = ["/usr/sbin/clamd", "/usr/bin/clamd", "clamd"]
        .iter()
        .find_map(|exe| {
            Command::new(exe)
                .args(["-c", &at("clamd.conf")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        })
        .expect("this test needs clamd: apt-get install -y --no-install-recommends clamav-daemon");
    let clamd = Clamd::new(ClamdConfig {
        address: ClamdAddress::Unix(at("socket").into()),
        max_stream_bytes,
        timeout: Duration::from_secs(30),
        max_concurrent: 4,
    });
    let mut real = RealClamd { clamd, process, _folder: folder };
    let begin = Instant::now();
    while real.clamd.engine().await.is_err() {
        assert!(real.process.try_wait().unwrap().is_none(), "clamd ended at its start");
        assert!(begin.elapsed() < Duration::from_secs(60), "clamd does not answer");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    real
}

#[tokio::test]
async fn clean_and_infected_content_are_told_apart() {
    let real = start(4 * MIB, 4 * MIB, 4 * MIB).await;
    real.clamd.self_test().await.unwrap();
    let clean = real.clamd.scan(&b"A letter to the municipality."[..]).await.unwrap();
    assert_eq!(clean.verdict, Verdict::Clean);
    assert!(clean.engine.starts_with("ClamAV "), "{}", clean.engine);
    let infected = real.clamd.scan(test_virus().as_slice()).await.unwrap();
    assert!(matches!(infected.verdict, Verdict::Infected { name } if name.starts_with("Eicar-Test")));
}

#[tokio::test]
async fn sealed_memory_is_scanned_to_its_last_byte() {
    let real = start(4 * MIB, 4 * MIB, 4 * MIB).await;
    let mut content = vec![b' '; (3 << 20) + 17];
    let sealed = SealedMemory::copy_of(&content).unwrap();
    assert_eq!(real.clamd.scan(&sealed).await.unwrap().verdict, Verdict::Clean);
    content.extend(test_virus());
    let sealed = SealedMemory::copy_of(&content).unwrap();
    assert!(matches!(real.clamd.scan(&sealed).await.unwrap().verdict, Verdict::Infected { .. }));
}

#[tokio::test]
async fn many_scans_at_once_keep_their_own_verdicts() {
    let real = Arc::new(start(4 * MIB, 4 * MIB, 4 * MIB).await);
    let scans: Vec<_> = (0..40)
        .map(|n| {
            let real = real.clone();
            tokio::spawn(async move {
                let content = if n % 3 == 0 { test_virus() } else { format!("letter {n}").into_bytes() };
                (n, real.clamd.scan(content.as_slice()).await.unwrap().verdict)
            })
        })
        .collect();
    for scan in scans {
        let (n, verdict) = scan.await.unwrap();
        assert_eq!(verdict != Verdict::Clean, n % 3 == 0, "{n}");
    }
}

#[tokio::test]
async fn a_stream_limit_below_ours_is_an_error_and_shows_in_the_size_test() {
    let real = start(MIB, 4 * MIB, 4 * MIB).await;
    let content = vec![b' '; 3 << 20];
    assert_eq!(real.clamd.scan(content.as_slice()).await, Err(ScanError::SizeLimit));
    assert_eq!(real.clamd.size_test().await, Err(ScanError::SizeLimit));
}

#[tokio::test]
async fn a_file_limit_below_ours_is_an_error_and_shows_in_the_size_test() {
    let real = start(4 * MIB, MIB, 4 * MIB).await;
    let content = vec![b' '; 3 << 20];
    let error = real.clamd.scan(content.as_slice()).await.unwrap_err();
    assert!(matches!(error, ScanError::LimitsExceeded { .. }), "{error:?}");
    assert!(real.clamd.size_test().await.is_err());
}

#[tokio::test]
async fn limits_that_agree_pass_the_size_test() {
    assert_eq!(start(4 * MIB, 4 * MIB, 4 * MIB).await.clamd.size_test().await, Ok(()));
}

#[tokio::test]
async fn an_encrypted_archive_is_an_error() {
    let real = start(4 * MIB, 4 * MIB, 4 * MIB).await;
    let error = real.clamd.scan(encrypted_zip().as_slice()).await.unwrap_err();
    assert!(matches!(error, ScanError::Encrypted { .. }), "{error:?}");
    assert!(!error.is_down());
}

#[tokio::test]
async fn a_clamd_that_was_killed_is_down() {
    let mut real = start(MIB, MIB, MIB).await;
    real.process.kill().unwrap();
    real.process.wait().unwrap();
    assert!(real.clamd.scan(&b"content"[..]).await.unwrap_err().is_down());
}

/// A ZIP with one stored member whose flags say that it is encrypted.
fn encrypted_zip() -> Vec<u8> {
    let name = b"secret.txt";
    let data = [0x5a; 32];
    let mut fields = Vec::new();
    fields.extend(20u16.to_le_bytes()); // version needed
    fields.extend(1u16.to_le_bytes()); // flags: encrypted
    fields.extend(0u16.to_le_bytes()); // stored
    fields.extend([0; 4]); // time and date
    fields.extend(0x1234_5678u32.to_le_bytes()); // CRC-32
    fields.extend(32u32.to_le_bytes()); // compressed size
    fields.extend(20u32.to_le_bytes()); // size
    fields.extend(10u16.to_le_bytes()); // length of the name
    fields.extend(0u16.to_le_bytes()); // length of the extra field

    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&fields);
    zip.extend(name);
    zip.extend(data);
    let directory = u32::try_from(zip.len()).unwrap();
    zip.extend(b"PK\x01\x02");
    zip.extend(20u16.to_le_bytes()); // version made by
    zip.extend(&fields);
    zip.extend([0; 14]); // comment, disk, attributes, offset of the local header
    zip.extend(name);
    let size = u32::try_from(zip.len()).unwrap() - directory;
    zip.extend(b"PK\x05\x06");
    zip.extend([0; 4]); // disks
    zip.extend(1u16.to_le_bytes());
    zip.extend(1u16.to_le_bytes());
    zip.extend(size.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend(0u16.to_le_bytes());
    zip
}
