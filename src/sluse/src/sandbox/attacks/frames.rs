//! Workers that lie to their parent.

use sluse_sanitize::{Format, Report, Verdict};

use super::super::child::{ChildError, Job, send, send_all};
use super::super::protocol::{Header, Kind};
use super::super::{Event, Fault};
use super::{LIMITS, attack, attack_within, drain, files, finish, rebuilt_report, report, sandbox_with};

/// Does what an attack of this kind says; `false`: there is none of that name here.
#[expect(clippy::infinite_loop, reason = "an attack")]
pub(super) fn run(attack: &str, job: &Job, bytes: &[u8]) -> Result<bool, ChildError> {
    let mut words = attack.split(' ');
    let done: Result<(), ChildError> = match words.next().unwrap_or_default() {
        "garbage" => send_all(&[0xff; 4096]),
        "half-header" => {
            send_all(&[Kind::Finished as u8, 0, 0])?;
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        "giant-length" => {
            send_all(&Header { kind: Kind::Rebuilt, file: job.file, len: u64::MAX }.encode())?;
            loop {
                std::hint::spin_loop();
            }
        }
        "lying-length" => {
            send_all(&Header { kind: Kind::Rebuilt, file: job.file, len: 1 << 20 }.encode())?;
            send_all(b"short")?;
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        "parents-frame" => send(Kind::File, job.file, &[]),
        "ready-again" => send(Kind::Ready, job.file, &[]),
        "fields-unasked" => send(Kind::FieldsAccepted, job.file, &[b"{}"]),
        "another-file" => {
            let payload = serde_json::to_vec(&report(bytes)).unwrap();
            send(Kind::Finished, job.file + 1, &[&payload])
        }
        "finished-twice" => {
            finish(job, &report(bytes))?;
            finish(job, &report(bytes))
        }
        "rebuilt-twice" => {
            send(Kind::Rebuilt, job.file, &[b"one"])?;
            send(Kind::Rebuilt, job.file, &[b"two"])?;
            finish(job, &rebuilt_report(bytes, b"two"))
        }
        "member-after-rebuilt" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            send(Kind::Member, job.file, &[&1u32.to_be_bytes(), b"member"])
        }
        "member-at-depth" => {
            let depth: u32 = words.next().unwrap().parse().unwrap();
            send(Kind::Member, job.file, &[&depth.to_be_bytes(), b"member"])
        }
        "member-without-depth" => send(Kind::Member, job.file, &[b"abc"]),
        "member-flood" => loop {
            send(Kind::Member, job.file, &[&1u32.to_be_bytes()])?;
        },
        "other-digest" => finish(job, &report(b"another file")),
        "other-rebuilt" => {
            send(Kind::Rebuilt, job.file, &[b"evil"])?;
            finish(job, &rebuilt_report(bytes, b"nice"))
        }
        "rebuilt-without-bytes" => finish(job, &rebuilt_report(bytes, b"clean")),
        "verdict-without-bytes" => finish(job, &Report { verdict: Verdict::Rebuilt, ..report(bytes) }),
        "digest-without-verdict" => {
            finish(job, &Report { verdict: Verdict::Refused, ..rebuilt_report(bytes, b"clean") })
        }
        "bytes-without-verdict" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            finish(job, &Report { verdict: Verdict::Infected, ..rebuilt_report(bytes, b"clean") })
        }
        "bytes-without-format" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            finish(job, &Report { rebuilt_as: None, ..rebuilt_report(bytes, b"clean") })
        }
        "rebuilt-executable" => {
            send(Kind::Rebuilt, job.file, &[b"MZ"])?;
            finish(job, &Report { rebuilt_as: Some(Format::Executable), ..rebuilt_report(bytes, b"MZ") })
        }
        "passed" => finish(job, &Report { verdict: Verdict::Passed, ..report(bytes) }),
        "hidden-infection" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            let children = vec![Report { verdict: Verdict::Infected, ..report(b"member") }];
            finish(job, &Report { children, ..rebuilt_report(bytes, b"clean") })
        }
        "member-not-shown" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            let children = vec![rebuilt_report(b"member", b"x")];
            finish(job, &Report { children, ..rebuilt_report(bytes, b"clean") })
        }
        "invented-format" => finish(job, &Report { found: "virus".to_owned(), ..report(bytes) }),
        "invented-digest" => {
            let children = vec![Report { sha256: "<script>".to_owned(), ..report(b"member") }];
            finish(job, &Report { children, ..report(bytes) })
        }
        "nested-report" => {
            let mut inner = report(b"member");
            for _ in 0..6 {
                inner = Report { children: vec![inner], ..report(b"member") };
            }
            finish(job, &Report { children: vec![inner], ..report(bytes) })
        }
        "very-nested-report" => {
            let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
            send(Kind::Finished, job.file, &[nested.as_bytes()])
        }
        "wide-report" => {
            let children = vec![report(b"member"); 20_000];
            finish(job, &Report { children, ..report(bytes) })
        }
        "giant-report" => send_all(&Header { kind: Kind::Finished, file: job.file, len: 17 << 20 }.encode()),
        "unknown-key" => {
            let mut payload = serde_json::to_value(report(bytes)).unwrap();
            payload["trusted"] = true.into();
            send(Kind::Finished, job.file, &[payload.to_string().as_bytes()])
        }
        "ugly-texts" => {
            let step = sluse_sanitize::Step {
                name: "a\u{202e}b".to_owned(),
                detail: Some("\u{1b}[31m".to_owned()),
                result: "x".repeat(10_000),
                microseconds: u64::MAX,
            };
            finish(
                job,
                &Report {
                    name: "liar".to_owned(),
                    reason: "\0".to_owned(),
                    steps: vec![step],
                    ..report(bytes)
                },
            )
        }
        _ => return Ok(false),
    };
    done.map(|()| true)
}

#[tokio::test]
async fn frames_that_have_no_place_are_not_believed() {
    for (name, reason) in [
        ("garbage", "a frame of no known kind"),
        ("parents-frame", "a frame out of order"),
        ("ready-again", "a frame out of order"),
        ("fields-unasked", "a frame out of order"),
        ("another-file", "a frame about another file"),
        ("rebuilt-twice", "a frame out of order"),
        ("member-after-rebuilt", "a frame out of order"),
        ("giant-length", "a frame over its size limit"),
        ("giant-report", "a frame over its size limit"),
        ("member-at-depth 0", "a member at no depth that there is"),
        ("member-at-depth 5", "a member at no depth that there is"),
        ("member-without-depth", "a member at no depth that there is"),
        ("member-flood", "more members than max_nodes"),
    ] {
        assert_eq!(attack(name).await, Some(Fault::BadFrame(reason)), "{name}");
    }
}

#[tokio::test]
async fn a_report_that_is_untrue_is_not_believed() {
    for (name, reason) in [
        ("other-digest", "a report on another file"),
        ("other-rebuilt", "a rebuilt file that is not the reported one"),
        ("rebuilt-without-bytes", "the verdict rebuilt without a rebuilt file"),
        ("verdict-without-bytes", "the verdict rebuilt without a rebuilt file"),
        ("digest-without-verdict", "a rebuilt file with another verdict"),
        ("bytes-without-verdict", "a rebuilt file with another verdict"),
        ("bytes-without-format", "a rebuilt file without a type that is rebuilt, size or digest"),
        ("rebuilt-executable", "a rebuilt file without a type that is rebuilt, size or digest"),
        ("passed", "a verdict that is not a worker's to give"),
        ("hidden-infection", "an infected member in a file that is not reported as infected"),
        ("member-not-shown", "a rebuilt member that was not shown to the scanners"),
        ("invented-format", "a format that does not exist"),
        ("invented-digest", "a digest that is none"),
        ("nested-report", "a report that is nested too deep"),
        ("very-nested-report", "a report of another shape"),
        ("wide-report", "a report with too many nodes"),
        ("unknown-key", "a report of another shape"),
    ] {
        assert_eq!(attack(name).await, Some(Fault::BadFrame(reason)), "{name}");
    }
}

#[tokio::test]
async fn a_second_result_is_not_believed() {
    let (events, fault) = attack_within(LIMITS, "finished-twice").await;
    assert_eq!(events.len(), 1);
    assert_eq!(fault, Some(Fault::BadFrame("a frame after the end")));

    let mut worker =
        sandbox_with(LIMITS, "").start(files(&["attack finished-twice", "attack refuse"])).await.unwrap();
    let (events, fault) = drain(&mut worker).await;
    assert_eq!(events.len(), 1);
    assert_eq!(fault, Some(Fault::BadFrame("a frame about another file")));
}

#[tokio::test]
async fn texts_of_a_worker_are_escaped_and_cut() {
    let (events, fault) = attack_within(LIMITS, "ugly-texts").await;
    assert_eq!(fault, None);
    let [Event::Finished { report, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((report.name.as_str(), report.reason.as_str()), ("name\\u{202e}.txt", "\\u{0}"));
    let step = &report.steps[0];
    assert_eq!((step.name.as_str(), step.detail.as_deref()), ("a\\u{202e}b", Some("\\u{1b}[31m")));
    assert_eq!(step.result.chars().count(), 201);
}
