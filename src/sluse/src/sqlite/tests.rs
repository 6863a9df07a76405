use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const SCHEMA: Schema = Schema {
    what: "test",
    application_id: 7,
    steps: &["CREATE TABLE number (n INTEGER PRIMARY KEY) STRICT"],
};

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    (dir, path)
}

async fn insert(database: &Database, n: i64) -> Result<usize, DatabaseError> {
    database.write(move |connection| connection.execute("INSERT INTO number VALUES (?1)", [n])).await
}

async fn numbers(database: &Database) -> Vec<i64> {
    database
        .read(|connection| {
            connection.prepare("SELECT n FROM number ORDER BY n")?.query_map([], |row| row.get(0))?.collect()
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn one_callers_failure_is_not_anothers() {
    let (_dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let database = database.clone();
            tokio::spawn(async move { insert(&database, n / 2).await.is_ok() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.unwrap());
    }
    assert_eq!(stored, 100);
    assert_eq!(numbers(&database).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn lost_transaction_is_done_again_one_by_one() {
    let (_dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let database = database.clone();
            tokio::spawn(async move {
                if n % 10 == 3 {
                    let broken = database.write(|connection| connection.execute("ROLLBACK", [])).await;
                    return broken.is_err();
                }
                insert(&database, n).await.is_ok()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(numbers(&database).await.len(), 45);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_the_rest() {
    let (_dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    let (first, (), second) = tokio::join!(insert(&database, 1), database.close(), insert(&database, 2));
    first.unwrap();
    assert!(second.is_ok() || matches!(second, Err(DatabaseError::Closed { .. })));
    assert!(matches!(insert(&database, 3).await, Err(DatabaseError::Closed { .. })));
    let database = Database::open(&path, SCHEMA, None).unwrap();
    assert!(numbers(&database).await.contains(&1));
}

#[tokio::test]
async fn files_are_for_the_owner_only() {
    let (dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    insert(&database, 1).await.unwrap();
    let mut files = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[test]
fn newer_schema_is_refused_and_left_alone() {
    let (_dir, path) = scratch();
    const STEPS: &[&str] = &[SCHEMA.steps[0], "CREATE TABLE more (n INTEGER) STRICT"];
    let newer = Schema { steps: STEPS, ..SCHEMA };
    drop(Database::open(&path, newer, None).unwrap());
    let error = Database::open(&path, SCHEMA, None).unwrap_err();
    assert!(matches!(error, DatabaseError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("test.db"));
    Database::open(&path, newer, None).unwrap();
}

#[tokio::test]
async fn older_schema_is_brought_up_to_date() {
    const STEPS: &[&str] = &[SCHEMA.steps[0], "INSERT INTO number VALUES (6)"];
    let (_dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    insert(&database, 5).await.unwrap();
    database.close().await;
    let newer = Schema { steps: STEPS, ..SCHEMA };
    let database = Database::open(&path, newer, None).unwrap();
    assert_eq!(numbers(&database).await, [5, 6]);
}

#[test]
fn database_of_another_kind_is_refused() {
    let (_dir, path) = scratch();
    drop(Database::open(&path, SCHEMA, None).unwrap());
    let other = Schema { what: "other", application_id: 8, ..SCHEMA };
    let error = Database::open(&path, other, None).unwrap_err();
    assert!(matches!(error, DatabaseError::Foreign { what: "other", .. }), "{error}");
    let (_dir, path) = scratch();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE somebodys (x)").unwrap();
    assert!(matches!(Database::open(&path, SCHEMA, None), Err(DatabaseError::Foreign { .. })));
}

#[test]
fn garbage_is_refused_by_name_and_left_alone() {
    let (_dir, path) = scratch();
    let garbage = vec![0xa5; 10_000];
    fs::write(&path, &garbage).unwrap();
    let error = Database::open(&path, SCHEMA, None).unwrap_err();
    assert!(matches!(error, DatabaseError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("test.db"));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[tokio::test]
async fn damage_inside_is_told_apart() {
    let (_dir, path) = scratch();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    database
        .write(|connection| {
            connection.execute(
                "INSERT INTO number SELECT value FROM (WITH RECURSIVE c(value) AS
                 (SELECT 1 UNION ALL SELECT value + 1 FROM c LIMIT 5000) SELECT value FROM c)",
                [],
            )
        })
        .await
        .unwrap();
    database.close().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let database = Database::open(&path, SCHEMA, None).unwrap();
    assert!(matches!(insert(&database, 9000).await, Err(DatabaseError::Corrupt { .. })));
}

#[test]
fn many_open_a_new_file_at_once() {
    let (_dir, path) = scratch();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Database::open(&path, SCHEMA, None).unwrap());
        }
    });
}
