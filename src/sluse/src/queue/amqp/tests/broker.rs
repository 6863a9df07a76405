//! Private RabbitMQ brokers: own folder, ports, node name and epmd. A guard process ends a broker with the process that started it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::queue::amqp::definitions::{Plan, Zone, definitions};
use crate::queue::amqp::{BrokerAddress, BrokerFiles};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(180);
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const USERS: [&str; 5] = ["sluse-intake", "sluse-bridge", "sluse-outlet", "sluse-console", "sluse-operator"];

/// Waits until `look` gives something.
pub(super) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) struct Broker {
    folder: PathBuf,
    ports: Ports,
    guard: Option<(Child, ChildStdin)>,
    /// Two imports at once fall over each other's users.
    importing: tokio::sync::Mutex<()>,
}

struct Ports {
    plain: u16,
    tls: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
}

impl Broker {
    /// Starts one.
    pub(super) async fn start() -> Self {
        assert!(
            Path::new(SERVER).exists(),
            "this test needs RabbitMQ: apt-get install -y --no-install-recommends rabbitmq-server openssl"
        );
        let folder = tempfile::Builder::new().prefix("sluse-broker-").tempdir().unwrap().keep();
        let [plain, tls, management, distribution, epmd] = free_ports();
        let ports = Ports { plain, tls, management, distribution, epmd };
        make_certificates(&folder);
        for name in ["mnesia", "log", "home", "schema"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let at = |name: &str| folder.join(name).display().to_string();
        fs::write(folder.join("enabled_plugins"), "[rabbitmq_management,rabbitmq_auth_mechanism_ssl].\n")
            .unwrap();
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{plain}\nlisteners.ssl.1 = 127.0.0.1:{tls}\n\
             ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name\n\
             management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
             vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n",
            at("ca.pem"),
            at("broker.pem"),
            at("broker.key"),
        );
        fs::write(folder.join("rabbitmq.conf"), config).unwrap();
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").args(["-R", "rabbitmq:", &at("")]));
        }
        let mut broker = Self { folder, ports, guard: None, importing: tokio::sync::Mutex::default() };
        broker.restart().await;
        broker
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(&mut self) {
        if let Some((mut guard, mut stdin)) = self.guard.take() {
            stdin.write_all(b"keep\n").unwrap();
            drop(stdin);
            guard.wait().unwrap();
        }
    }

    /// Starts it with what it had, and waits until it answers.
    pub(super) async fn restart(&mut self) {
        // What the shell started ends when our end of its standard input is closed, whatever way we end.
        let script = format!(
            "epmd -port {} -address 127.0.0.1 & epmd=$!; {SERVER} >\"$0/log/out\" 2>&1 <&- & \
             while read -r word; do keep=$word; done; kill -KILL $(cat \"$0/pid\") $epmd; wait; \
             [ \"$keep\" = keep ] || rm -rf \"$0\"",
            self.ports.epmd
        );
        let mut shell = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            shell.args(["--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups", "--"]);
        }
        shell.args(["sh", "-c", &script]).arg(&self.folder);
        self.environment(&mut shell);
        let mut guard =
            shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let stdin = guard.stdin.take().unwrap();
        self.guard = Some((guard, stdin));
        eventually("the broker answers", async || {
            self.ask(reqwest::Method::GET, "/api/overview", None).await.ok()?;
            let ports = [self.ports.plain, self.ports.tls];
            ports.iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok()).then_some(())
        })
        .await;
    }

    fn environment(&self, command: &mut Command) {
        let at = |name: &str| self.folder.join(name);
        command
            .env("HOME", at("home"))
            .env("RABBITMQ_NODENAME", format!("sluse{}@localhost", self.ports.plain))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", at("none"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_SCHEMA_DIR", at("schema"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", at("schema"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
    }

    /// Runs `rabbitmqctl`.
    pub(super) fn control(&self, arguments: &[&str]) {
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups", "--"]);
        }
        command.arg(CONTROL).args(arguments);
        self.environment(&mut command);
        run(&mut command);
    }

    /// Asks the management interface.
    pub(super) async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        // Fine when another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let url = format!("http://127.0.0.1:{}{path}", self.ports.management);
        let mut request = client.request(method, url).basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|cause| cause.to_string())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|cause| cause.to_string())?);
        if !status.is_success() {
            return Err(format!("{status}: {text}"));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Makes a virtual host with a zone's queues in it, those for outcomes excepted: queues take time.
    pub(super) async fn house(&self, zone: Zone, change: impl FnOnce(&mut Plan)) -> House<'_> {
        self.make(zone, change, |name| !name.starts_with("sluse.outcomes")).await
    }

    /// Makes a virtual host with everything of a zone in it.
    pub(super) async fn whole_house(&self, zone: Zone) -> House<'_> {
        self.make(zone, |_| {}, |_| true).await
    }

    async fn make(
        &self,
        zone: Zone,
        change: impl FnOnce(&mut Plan),
        wanted: impl Fn(&str) -> bool,
    ) -> House<'_> {
        let mut plan = Plan {
            zone,
            vhost: format!("v{}", crate::id::tests::new_id()),
            destinations: vec!["parking".parse().unwrap(), "reports".parse().unwrap()],
            replicas: Some(1),
            delivery_limit: 200,
            max_bytes: 1 << 30,
        };
        change(&mut plan);
        let mut made = definitions(&plan);
        for (kind, key) in [("queues", "name"), ("bindings", "destination")] {
            made[kind].as_array_mut().unwrap().retain(|one| wanted(one[key].as_str().unwrap()));
        }
        made["permissions"].as_array_mut().unwrap().push(json!({ "user": "guest", "vhost": plan.vhost,
            "configure": ".*", "write": ".*", "read": ".*" }));
        let _alone = self.importing.lock().await;
        self.ask(reqwest::Method::POST, "/api/definitions", Some(&made)).await.unwrap();
        House { broker: self, vhost: plan.vhost }
    }
}

/// A virtual host with a zone's queues.
pub(super) struct House<'a> {
    pub(super) broker: &'a Broker,
    pub(super) vhost: String,
}

impl House<'_> {
    /// How `user` gets there by certificate.
    pub(super) fn address(&self, user: &str) -> BrokerAddress {
        let at = |name: &str| self.broker.folder.join(name);
        let (ca, certificate, key) = (at("ca.pem"), at(&format!("{user}.pem")), at(&format!("{user}.key")));
        let files = BrokerFiles {
            ca: Some(&ca),
            certificate: Some(&certificate),
            key: Some(&key),
            ..BrokerFiles::default()
        };
        let url = format!("amqps://localhost:{}/{}", self.broker.ports.tls, self.vhost);
        BrokerAddress::read(&url, files).unwrap()
    }

    /// How the administrator gets there in plain text, at another port if told so.
    pub(super) fn plain(&self, port: Option<u16>) -> BrokerAddress {
        let password = self.broker.folder.join("password");
        let files = BrokerFiles { user: Some("guest"), password: Some(&password), ..BrokerFiles::default() };
        let port = port.unwrap_or(self.broker.ports.plain);
        BrokerAddress::read(&format!("amqp://127.0.0.1:{port}/{}", self.vhost), files).unwrap()
    }

    /// Port without TLS.
    pub(super) fn plain_port(&self) -> u16 {
        self.broker.ports.plain
    }
}

/// Ports below those that the system gives to outgoing connections, which could take one while the broker is away.
fn free_ports() -> [u16; 5] {
    let listeners = [(); 5].map(|()| {
        loop {
            let mut random = [0; 2];
            getrandom::fill(&mut random).unwrap();
            let port = 10_000 + u16::from_ne_bytes(random) % 20_000;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                break listener;
            }
        }
    });
    listeners.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// An authority, the broker's certificate, and one of each user with its name as common name.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        run(Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority -addext keyUsage=critical,keyCertSign"
    ));
    for name in USERS.iter().copied().chain(["broker", "nobody"]) {
        let common = if name == "broker" { "localhost" } else { name };
        openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={common}"));
        fs::write(
            folder.join("ext"),
            "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n",
        )
        .unwrap();
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out {name}.pem -extfile ext"
        ));
    }
    let password = folder.join("password");
    fs::write(&password, "guest\n").unwrap();
    fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
