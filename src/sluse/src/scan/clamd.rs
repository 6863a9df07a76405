//! clamd's INSTREAM command: own framing, one connection per scan.
//!
//! ```text
//! to clamd:    "zINSTREAM\0"  ( length u32 big-endian │ bytes ) …  0u32
//! from clamd:  one text that ends with NUL, then the end of the stream
//! ```

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sluse_sanitize::report::plain;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::reply::{Reply, Scan, ScanError, Verdict, early_error, line, verdict};
use crate::sandbox::SealedMemory;

/// Bytes sent at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Longest reply that is read: a verdict is one short line.
const MAX_REPLY_BYTES: u64 = 4096;

/// Longest time to connect: clamd is on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer about the engine's version is used. Signatures change a few times a day.
const VERSION_AGE: Duration = Duration::from_secs(60);

/// Where clamd listens. Content is not encrypted on the way, so it must not leave the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamdAddress {
    /// A Unix socket (`LocalSocket`).
    Unix(PathBuf),
    /// A loopback address and port (`TCPAddr`, `TCPSocket`).
    Tcp(SocketAddr),
}

/// An address that clamd cannot be asked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither of the two forms.
    #[error("write unix:/absolute/path or tcp:127.0.0.1:3310")]
    Form,
    /// Another machine.
    #[error("clamd must be on this machine: content is sent to it in the clear")]
    NotLoopback,
}

impl FromStr for ClamdAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(AddressError::Form) };
        }
        let address: SocketAddr =
            text.strip_prefix("tcp:").and_then(|address| address.parse().ok()).ok_or(AddressError::Form)?;
        if address.ip().is_loopback() { Ok(Self::Tcp(address)) } else { Err(AddressError::NotLoopback) }
    }
}

/// How clamd is asked.
#[derive(Debug, Clone)]
pub struct ClamdConfig {
    /// Where it listens.
    pub address: ClamdAddress,
    /// The largest content that is sent, in bytes. It must not be greater than clamd's `StreamMaxLength`,
    /// `MaxFileSize` and `MaxScanSize`: beyond those clamd looks at a part, or at nothing, and says OK.
    pub max_stream_bytes: u64,
    /// Longest time for one scan, in seconds, once it has started. Greater than clamd's `MaxScanTime`.
    pub timeout: Duration,
    /// Scans at the same time; at most clamd's `MaxThreads`.
    pub max_concurrent: usize,
}

/// Content to scan.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// Sealed memory.
    Memory(&'a SealedMemory),
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a SealedMemory> for Content<'a> {
    fn from(memory: &'a SealedMemory) -> Self {
        Self::Memory(memory)
    }
}

impl Content<'_> {
    fn len(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Memory(memory) => memory.len(),
        }
    }

    /// Copies what is at `offset` into `buffer`; 0 at the end.
    fn read_at(self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(memory) => memory.read_at(offset, buffer),
            Self::Bytes(bytes) => {
                let rest =
                    usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let len = rest.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
                    to.copy_from_slice(from);
                }
                Ok(len)
            }
        }
    }
}

/// A clamd.
#[derive(Debug)]
pub struct Clamd {
    config: ClamdConfig,
    permits: Semaphore,
    version: Mutex<Option<(Instant, String)>>,
}

impl Clamd {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(config: ClamdConfig) -> Self {
        let permits = Semaphore::new(config.max_concurrent.max(1));
        Self { config, permits, version: Mutex::default() }
    }

    /// Scans content. Waits until fewer than `max_concurrent` other scans are under way.
    ///
    /// An error that could be the scanner's fault or the content's is settled by a self-test: when that works, the
    /// content is tried once more, and a second error is the content's.
    ///
    /// # Errors
    /// [`ScanError`]; [`ScanError::is_down`] tells what to do.
    pub async fn scan(&self, content: impl Into<Content<'_>>) -> Result<Scan, ScanError> {
        let content = content.into();
        if content.len() > self.config.max_stream_bytes {
            return Err(ScanError::SizeLimit);
        }
        let _permit = self.permits.acquire().await.map_err(|error| ScanError::Down(error.to_string()))?;
        let found = match self.instream(content).await {
            Err(error) if error.is_doubtful() => {
                self.test().await.map_err(|_| ScanError::Down(error.to_string()))?;
                self.instream(content).await
            }
            found => found,
        }?;
        Ok(Scan { verdict: found, engine: self.engine().await? })
    }

    /// Engine and signature version, such as `ClamAV 1.4.3/27654/Thu May 29 08:33:14 2025`, escaped.
    ///
    /// # Errors
    /// [`ScanError::Down`].
    pub async fn engine(&self) -> Result<String, ScanError> {
        let known = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, version)) = known.filter(|(at, _)| at.elapsed() < VERSION_AGE) {
            return Ok(version);
        }
        let asked = async {
            let mut stream = self.connect().await?;
            stream.write_all(b"zVERSION\0").await.map_err(|_| ScanError::Cut)?;
            let reply = read_reply(&mut stream).await;
            match line(&reply.bytes)? {
                version if version.starts_with("ClamAV ") => Ok(plain(version)),
                other => Err(ScanError::Garbage(plain(other))),
            }
        };
        let version = match timeout(CONNECT_TIMEOUT, asked).await {
            Ok(answer) => answer.map_err(|error| ScanError::Down(error.to_string()))?,
            Err(_) => return Err(ScanError::Down("it does not tell its version".to_owned())),
        };
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), version.clone()));
        Ok(version)
    }

    /// Makes sure that the scanner finds what it must find, and nothing where there is nothing.
    ///
    /// # Errors
    /// [`ScanError::Down`] with the reason.
    pub async fn self_test(&self) -> Result<(), ScanError> {
        let _permit = self.permits.acquire().await.map_err(|error| ScanError::Down(error.to_string()))?;
        self.test().await
    }

    /// Makes sure that the scanner takes content of `max_stream_bytes` whole, as far as it tells: zeros of that size
    /// must be clean. Slow when that is large; for the check of a configuration.
    ///
    /// # Errors
    /// What the scanner says to it.
    pub async fn size_test(&self) -> Result<(), ScanError> {
        let _permit = self.permits.acquire().await.map_err(|error| ScanError::Down(error.to_string()))?;
        let mut zeros = crate::sandbox::MemoryWriter::new(self.config.max_stream_bytes)
            .map_err(|_| ScanError::Content(io::ErrorKind::OutOfMemory))?;
        let piece = vec![0; CHUNK_BYTES];
        while zeros.len() < self.config.max_stream_bytes {
            let left = usize::try_from(self.config.max_stream_bytes - zeros.len()).unwrap_or(CHUNK_BYTES);
            zeros
                .write(piece.get(..left).unwrap_or(&piece))
                .map_err(|_| ScanError::Content(io::ErrorKind::OutOfMemory))?;
        }
        let zeros = zeros.seal().map_err(|_| ScanError::Content(io::ErrorKind::OutOfMemory))?;
        match self.instream(Content::Memory(&zeros)).await? {
            Verdict::Clean => Ok(()),
            Verdict::Infected { name } => Err(ScanError::Garbage(name)),
        }
    }

    async fn test(&self) -> Result<(), ScanError> {
        let down = |text: String| ScanError::Down(format!("self-test: {text}"));
        match self.instream(Content::Bytes(&test_virus())).await {
            Ok(Verdict::Infected { .. }) => {}
            Ok(Verdict::Clean) => return Err(down("it does not find the EICAR test file".to_owned())),
            Err(error) => return Err(down(error.to_string())),
        }
        match self.instream(Content::Bytes(b"A harmless text.\n")).await {
            Ok(Verdict::Clean) => Ok(()),
            Ok(Verdict::Infected { name }) => Err(down(format!("it finds {name} in a harmless text"))),
            Err(error) => Err(down(error.to_string())),
        }
    }

    /// One INSTREAM command.
    async fn instream(&self, content: Content<'_>) -> Result<Verdict, ScanError> {
        let stream = self.connect().await?;
        let seconds = self.config.timeout.as_secs();
        timeout(self.config.timeout, exchange(stream, content))
            .await
            .unwrap_or(Err(ScanError::TimedOut { seconds }))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, ScanError> {
        let connecting = async {
            Ok::<Box<dyn Stream>, io::Error>(match &self.config.address {
                ClamdAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
                ClamdAddress::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            })
        };
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| ScanError::Down(format!("connecting: {error}"))),
            Err(_) => Err(ScanError::Down("connecting takes too long".to_owned())),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Sends the content and reads the reply. A reply that comes while there is still something to send ends the sending.
async fn exchange(stream: Box<dyn Stream>, content: Content<'_>) -> Result<Verdict, ScanError> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut sending = std::pin::pin!(send(&mut writer, content));
    let mut reading = std::pin::pin!(read_reply(&mut reader));
    let sent = tokio::select! {
        biased;
        sent = &mut sending => sent,
        early = &mut reading => return Err(early_error(&early)),
    };
    match sent {
        Ok(()) => verdict(&reading.await),
        Err(SendError::Content(error)) => Err(ScanError::Content(error.kind())),
        // clamd hangs up on what is too large for it, and says so first.
        Err(SendError::Socket) => Err(early_error(&reading.await)),
    }
}

enum SendError {
    Content(io::Error),
    Socket,
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), content: Content<'_>) -> Result<(), SendError> {
    let socket = |_| SendError::Socket;
    writer.write_all(b"zINSTREAM\0").await.map_err(socket)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut offset: u64 = 0;
    while offset < content.len() {
        let read = content.read_at(offset, &mut buffer).map_err(SendError::Content)?;
        let chunk = buffer.get(..read).filter(|chunk| !chunk.is_empty());
        let chunk = chunk.ok_or_else(|| SendError::Content(io::ErrorKind::UnexpectedEof.into()))?;
        let len = u32::try_from(chunk.len()).map_err(|_| SendError::Socket)?;
        writer.write_all(&len.to_be_bytes()).await.map_err(socket)?;
        writer.write_all(chunk).await.map_err(socket)?;
        offset += u64::from(len);
    }
    writer.write_all(&0u32.to_be_bytes()).await.map_err(socket)?;
    writer.flush().await.map_err(socket)
}

/// Everything until the end of the stream, which clamd makes after its reply; a reply that is too long is cut, and so
/// is none that the scanner gives.
async fn read_reply(reader: &mut (impl AsyncRead + Unpin)) -> Reply {
    let mut bytes = Vec::new();
    let mut limited = reader.take(MAX_REPLY_BYTES);
    loop {
        match limited.read_buf(&mut bytes).await {
            Ok(0) => return Reply { whole: limited.limit() > 0, bytes },
            Ok(_) => {}
            Err(_) => return Reply { whole: false, bytes },
        }
    }
}

/// The EICAR test file (<https://www.eicar.org/download-anti-malware-testfile/>), kept with every bit turned so that
/// no scanner finds it in this program.
pub(crate) fn test_virus() -> Vec<u8> {
    TURNED_EICAR.iter().map(|byte| !byte).collect()
}

#[rustfmt::skip]
const TURNED_EICAR: &[u8] = &[
    0xa7, 0xca, 0xb0, 0xde, 0xaf, 0xda, 0xbf, 0xbe, 0xaf, 0xa4, 0xcb, 0xa3, 0xaf, 0xa5, 0xa7, 0xca,
    0xcb, 0xd7, 0xaf, 0xa1, 0xd6, 0xc8, 0xbc, 0xbc, 0xd6, 0xc8, 0x82, 0xdb, 0xba, 0xb6, 0xbc, 0xbe,
    0xad, 0xd2, 0xac, 0xab, 0xbe, 0xb1, 0xbb, 0xbe, 0xad, 0xbb, 0xd2, 0xbe, 0xb1, 0xab, 0xb6, 0xa9,
    0xb6, 0xad, 0xaa, 0xac, 0xd2, 0xab, 0xba, 0xac, 0xab, 0xd2, 0xb9, 0xb6, 0xb3, 0xba, 0xde, 0xdb,
    0xb7, 0xd4, 0xb7, 0xd5,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_virus_is_eicar() {
        let digest = sluse_sanitize::report::sha256_hex(&test_virus());
        assert_eq!(digest, "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
    }

    #[test]
    fn an_address_on_another_machine_is_refused() {
        assert_eq!("tcp:10.0.0.1:3310".parse::<ClamdAddress>(), Err(AddressError::NotLoopback));
        assert_eq!("tcp:0.0.0.0:3310".parse::<ClamdAddress>(), Err(AddressError::NotLoopback));
        assert!("tcp:[::1]:3310".parse::<ClamdAddress>().is_ok());
        assert!("unix:/run/clamav/clamd.ctl".parse::<ClamdAddress>().is_ok());
        for bad in [
            "",
            "clamd.ctl",
            "unix:clamd.ctl",
            "tcp:localhost:3310",
            "tcp:127.0.0.1",
            "/run/clamav/clamd.ctl",
        ] {
            assert_eq!(bad.parse::<ClamdAddress>(), Err(AddressError::Form), "{bad}");
        }
    }
}
