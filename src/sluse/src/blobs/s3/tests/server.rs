//! A real S3 server (moto), started for these tests: a process of its own, on a port of its own, gone with this process.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    /// Access key and secret key of each user.
    pub(crate) keys: BTreeMap<String, (String, String)>,
}

impl Server {
    /// Starts a server with these arguments of `tests/foreign/s3_moto.py` and waits until it serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let python = std::env::var("SLUSE_TEST_PYTHON")
            .expect("this test needs Python with moto: run it by tests/run, which sets SLUSE_TEST_PYTHON");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/foreign/s3_moto.py");
        let mut process = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).expect("the S3 server did not start");
        let port = u16::try_from(said["port"].as_u64().unwrap()).unwrap();
        let keys = serde_json::from_value(said["keys"].clone()).unwrap();
        Self { process, port, keys }
    }

    /// The server's address.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Multipart uploads that are neither completed nor aborted.
    pub(crate) fn unfinished_uploads(&self, bucket: &str) -> usize {
        self.ask("GET", &format!("/_uploads/{bucket}")).parse().unwrap()
    }

    /// Objects that lie in a bucket.
    pub(crate) fn objects(&self, bucket: &str) -> usize {
        self.ask("GET", &format!("/_objects/{bucket}")).parse().unwrap()
    }

    /// Makes an object older, or with the key "" all of the bucket.
    pub(crate) fn age(&self, bucket: &str, key: &str, seconds: u64) {
        assert_eq!(self.ask("POST", &format!("/_age/{bucket}/{seconds}/{key}")), "ok");
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.take(1 << 20).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
