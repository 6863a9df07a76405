//! A real server: who may log in, what is refused, what survives.

use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use super::private::{PASSWORD, Private};
use super::*;
use crate::id::tests::new_id;
use crate::ledger::intake::{self, Begun, Fixed, IntakeLedger, PostgresIntake};
use crate::ledger::{LedgerError, LedgerFault, outlet, reports};

/// The server that this process's tests share; each has a database of its own.
fn shared() -> &'static Private {
    static SERVER: OnceLock<Private> = OnceLock::new();
    SERVER.get_or_init(Private::start)
}

fn address(url: &str) -> ServerAddress {
    ServerAddress::parse(url).unwrap().with_password(Zeroizing::new(PASSWORD.to_owned()))
}

/// A new database with one ledger's tables, which `user` may use.
pub(crate) async fn migrated(tables: &Tables, user: &str) -> ServerAddress {
    address(&migrated_url(tables, user).await)
}

/// The same, as a configuration has it.
pub(crate) async fn migrated_url(tables: &Tables, user: &str) -> String {
    let database = tokio::task::spawn_blocking(|| shared().database()).await.unwrap();
    migrate(&address(&shared().url("owner", &database)), tables, user).await.unwrap();
    shared().url(user, &database)
}

/// Writes the users' password into a file as a configuration names it.
pub(crate) fn password_file(path: &std::path::Path) {
    crate::durable::write(path, PASSWORD.as_bytes()).unwrap();
}

fn fault(error: LedgerError) -> (bool, ServerError) {
    match error {
        LedgerError::Unavailable(LedgerFault::Server(error)) => (false, error),
        LedgerError::Damaged(LedgerFault::Server(error)) => (true, error),
        other => panic!("{other:?}"),
    }
}

/// Why an intake's ledger is not opened, and whether it is damaged.
async fn refusal(address: &ServerAddress) -> (bool, ServerError) {
    fault(PostgresIntake::open(address).await.unwrap_err())
}

#[tokio::test]
async fn tables_are_made_once_by_whoever_comes_first() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    let role = address(&shared().url("intake", &database));
    let (damaged, error) = refusal(&role).await;
    assert!(damaged && error.to_string().contains("sluse ledger migrate"), "{error}");

    let both =
        tokio::join!(migrate(&owner, &intake::TABLES, "intake"), migrate(&owner, &intake::TABLES, "intake"));
    let mut from = [both.0.unwrap().from, both.1.unwrap().from];
    from.sort_unstable();
    assert_eq!(from, [0, 1]);
    PostgresIntake::open(&role).await.unwrap();
}

#[tokio::test]
async fn tables_of_another_version_are_refused() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    let role = address(&shared().url("intake", &database));
    migrate(&owner, &intake::TABLES, "intake").await.unwrap();
    shared().sql(&database, "UPDATE sluse_intake.version SET version = 99");
    let (damaged, error) = refusal(&role).await;
    assert!(damaged && matches!(error, ServerError::Newer { found: 99, .. }), "{error}");
    let error = migrate(&owner, &intake::TABLES, "intake").await.unwrap_err();
    assert!(error.to_string().contains("newer version of sluse"), "{error}");
    shared().sql(&database, "UPDATE sluse_intake.version SET version = 0");
    let (damaged, error) = refusal(&role).await;
    assert!(damaged && matches!(error, ServerError::Older { found: 0, .. }), "{error}");
}

#[tokio::test]
async fn a_role_may_do_its_work_and_nothing_else() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    for (tables, user) in
        [(&intake::TABLES, "intake"), (&outlet::TABLES, "outlet"), (&reports::TABLES, "console")]
    {
        migrate(&owner, tables, user).await.unwrap();
    }
    // Rights that somebody gave by hand, or another version did, go with the next migration.
    shared().sql(&database, "GRANT ALL ON sluse_intake.submission, sluse_intake.version TO intake");
    shared().sql(&database, "GRANT CREATE ON SCHEMA sluse_intake TO intake");
    migrate(&owner, &intake::TABLES, "intake").await.unwrap();
    let as_user = |user: &str| address(&shared().url(user, &database)).options().unwrap();
    for (user, statement) in [
        ("intake", "UPDATE sluse_intake.version SET version = 7"),
        ("intake", "UPDATE sluse_intake.submission SET portal = 'other'"),
        ("intake", "ALTER TABLE sluse_intake.submission DISABLE TRIGGER ALL"),
        ("intake", "TRUNCATE sluse_intake.submission"),
        ("intake", "CREATE TABLE sluse_intake.more (x int)"),
        ("intake", "CREATE TABLE public.more (x int)"),
        ("intake", "SELECT * FROM sluse_outlet.delivery"),
        ("outlet", "UPDATE sluse_outlet.delivery SET folder = 'x'"),
        ("outlet", "SELECT * FROM sluse_console.report"),
        ("console", "DELETE FROM sluse_console.report"),
        ("console", "SELECT * FROM sluse_outlet.delivery"),
    ] {
        let mut connection = PgConnection::connect_with(&as_user(user)).await.unwrap();
        let error = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{user}: {statement}: {error}");
    }
    let (damaged, error) = refusal(&address(&shared().url("outlet", &database))).await;
    assert!(damaged && matches!(error, ServerError::NotMigrated { .. }), "{error}");
}

#[tokio::test]
async fn wrong_password_unknown_user_and_unknown_database_are_told() {
    let right = migrated(&intake::TABLES, "intake").await;
    let wrong = right.clone().with_password(Zeroizing::new("wrong".to_owned()));
    for address in
        [wrong, address(&shared().url("nobody", "postgres")), address(&shared().url("intake", "nowhere"))]
    {
        let (damaged, error) = refusal(&address).await;
        assert!(!damaged && matches!(error, ServerError::Login { .. }), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn nobody_listens_or_nobody_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("postgres://u@{}/d", listener.local_addr().unwrap());
    let (damaged, error) = refusal(&address(&silent)).await;
    assert!(!damaged && matches!(error, ServerError::Silent { .. }), "{error:?}");
    drop(listener);
    let (damaged, error) = refusal(&address(&silent)).await;
    assert!(!damaged && matches!(error, ServerError::Away { .. }), "{error:?}");
}

#[tokio::test]
async fn only_a_verified_server_gets_the_password() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    migrate(&owner, &intake::TABLES, "intake").await.unwrap();
    let ca = std::fs::read(shared().file("ca.pem")).unwrap();
    let by_name = address(&shared().url_at("localhost", "intake", &database));
    PostgresIntake::open(&by_name.clone().with_ca(ca.clone())).await.unwrap();

    // An authority that nobody named; a certificate that is not this host's.
    let elsewhere = address(&shared().url_at("127.0.0.1", "intake", &database)).with_ca(ca);
    for address in [by_name, elsewhere] {
        let (damaged, error) = refusal(&address).await;
        assert!(!damaged && matches!(error, ServerError::Tls { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn server_that_has_no_tls_is_left() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"N").await.unwrap();
        let mut rest = Vec::new();
        stream.take(1000).read_to_end(&mut rest).await.unwrap();
        rest
    });
    let (damaged, error) = refusal(&address(&format!("postgres://u@localhost:{port}/d"))).await;
    assert!(!damaged && matches!(error, ServerError::Tls { .. }), "{error:?}");
    assert!(server.await.unwrap().is_empty(), "something was said in the clear");
}

#[tokio::test]
async fn a_certificate_is_enough_to_log_in() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    migrate(&owner, &intake::TABLES, "by_certificate").await.unwrap();
    let file = |name: &str| std::fs::read(shared().file(name)).unwrap();
    let url = shared().url_at("localhost", "by_certificate", &database);
    let without = ServerAddress::parse(&url).unwrap().with_ca(file("ca.pem"));
    PostgresIntake::open(
        &without.clone().with_certificate(file("client.pem"), Zeroizing::new(file("client.key"))),
    )
    .await
    .unwrap();
    let (_, error) = refusal(&without).await;
    assert!(matches!(error, ServerError::Login { .. }), "{error:?}");
}

#[tokio::test]
async fn server_that_confirms_before_it_writes_is_refused() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    migrate(&owner, &intake::TABLES, "intake").await.unwrap();
    shared()
        .sql("postgres", &format!("ALTER ROLE intake IN DATABASE {database} SET synchronous_commit = off"));
    let (damaged, error) = refusal(&address(&shared().url("intake", &database))).await;
    assert!(!damaged && matches!(error, ServerError::NotDurable { .. }), "{error:?}");
    assert!(error.to_string().contains("synchronous_commit is off"), "{error}");
}

#[tokio::test]
async fn server_that_changed_under_a_running_role_is_refused_with_the_reason() {
    let database = shared().database();
    let owner = address(&shared().url("owner", &database));
    migrate(&owner, &intake::TABLES, "intake").await.unwrap();
    let begin = |ledger: PostgresIntake| async move {
        fault(ledger.begin(&"p".parse().unwrap(), Some([1; 32]), new_id()).await.unwrap_err())
    };
    let ledger = PostgresIntake::open(&address(&shared().url("intake", &database))).await.unwrap();
    shared().sql(&database, "UPDATE sluse_intake.version SET version = 99");
    let (damaged, error) = begin(ledger.clone()).await;
    assert!(damaged && matches!(error, ServerError::Newer { found: 99, .. }), "{error:?}");
    shared().sql(&database, "UPDATE sluse_intake.version SET version = 1");
    shared()
        .sql("postgres", &format!("ALTER ROLE intake IN DATABASE {database} SET synchronous_commit = off"));
    let (damaged, error) = begin(ledger.clone()).await;
    assert!(!damaged && matches!(error, ServerError::NotDurable { .. }), "{error:?}");
    // Mended, it goes on by itself.
    shared().sql("postgres", &format!("ALTER ROLE intake IN DATABASE {database} RESET synchronous_commit"));
    ledger.begin(&"p".parse().unwrap(), Some([1; 32]), new_id()).await.unwrap();
}

#[tokio::test]
async fn table_that_stays_locked_is_given_up() {
    let address = migrated(&intake::TABLES, "intake").await;
    let ledger = PostgresIntake::open(&address).await.unwrap();
    let mut other = PgConnection::connect_with(&address.options().unwrap()).await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    ledger.begin(&"p".parse().unwrap(), Some([1; 32]), new_id()).await.unwrap();
    sqlx::raw_sql("SELECT 1 FROM sluse_intake.submission FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let error = ledger.begin(&"p".parse().unwrap(), Some([1; 32]), new_id()).await.unwrap_err();
    let (damaged, error) = fault(error);
    assert!(!damaged && matches!(&error, ServerError::Sql { code, .. } if code == "55P03"), "{error:?}");
}

#[test]
fn full_disk_is_full() {
    let error =
        |code: &str| ServerError::Sql { server: String::new(), code: code.to_owned(), cause: String::new() };
    assert!(matches!(LedgerError::from(error("53100")), LedgerError::Full));
    for lost in ["57P01", "57P03", "08006", "53300", "25006"] {
        assert!(matches!(LedgerError::from(error(lost)), LedgerError::Unavailable(_)), "{lost}");
    }
    for damaged in ["42P01", "XX001"] {
        assert!(matches!(LedgerError::from(error(damaged)), LedgerError::Damaged(_)), "{damaged}");
    }
}

/// Four workers begin, fix and receive; the server dies under them and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn killed_server_keeps_what_it_confirmed_and_the_ledger_goes_on() {
    let mut server = tokio::task::block_in_place(Private::start);
    let database = server.database();
    migrate(&address(&server.url("owner", &database)), &intake::TABLES, "intake").await.unwrap();
    let ledger = Arc::new(PostgresIntake::open(&address(&server.url("intake", &database))).await.unwrap());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (sender, mut confirmed) = tokio::sync::mpsc::unbounded_channel();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (ledger, stop, sender) = (Arc::clone(&ledger), Arc::clone(&stop), sender.clone());
            tokio::spawn(async move {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let id = new_id();
                    let mut key = [0; 32];
                    getrandom::fill(&mut key).unwrap();
                    let done = async {
                        let begun = ledger.begin(&"p".parse().unwrap(), Some(key), id).await?;
                        let Begun::Claimed(claim) = begun else { panic!("{begun:?}") };
                        assert_eq!(ledger.fix_content(&claim, key).await?, Fixed::Ours);
                        ledger.received(id, key.to_vec()).await
                    };
                    match done.await {
                        Ok(receipt) => {
                            assert_eq!(receipt.unwrap(), key);
                            sender.send((id, key)).unwrap();
                        }
                        Err(LedgerError::Unavailable(_)) => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let mut all = Vec::new();
    for _ in 0..3 {
        for _ in 0..20 {
            all.push(confirmed.recv().await.unwrap());
        }
        tokio::task::block_in_place(|| {
            server.kill();
            server.restart();
        });
    }
    for _ in 0..20 {
        all.push(confirmed.recv().await.unwrap());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    while let Ok(last) = confirmed.try_recv() {
        all.push(last);
    }
    for (id, key) in all {
        let found = ledger.find(&"p".parse().unwrap(), id).await.unwrap();
        assert_eq!(found.expect("confirmed, and lost").receipt.unwrap(), key);
    }
}
