//! What the operator imports into a broker: exchanges, queues, bindings, users and what each may do.
//!
//! No user may configure anything, and none may write to the default exchange, which would reach any queue by its name.
//! Whoever holds a queue's messages may write to its back exchange, which leads nowhere but to that queue's own.
//!
//! | user | DMZ | secure zone |
//! |---|---|---|
//! | intake | writes submissions; holds outcomes | |
//! | bridge | holds submissions; writes outcomes | writes deliveries and reports; **reads nothing** |
//! | outlet | | holds deliveries |
//! | console | | holds reports |
//! | operator | reads dead letters, puts them back | the same |

use serde_json::{Value, json};

use super::topology::{AGAIN, DEAD, FROM_BRIDGE, FROM_INTAKE, Names, RELAY, STEPS};
use crate::id::CodeWord;
use crate::queue::names::{OUTCOMES, REPORTS, SUBMISSIONS, delivery_queue};

/// How often a dead letter may be looked at before the broker drops it: newer brokers have a limit of 20 by themselves.
const LOOKS: u32 = 1_000_000;

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Zone {
    /// Between intake and bridge.
    Dmz,
    /// Between bridge, outlet and console.
    Secure,
}

/// What to define.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which broker.
    pub zone: Zone,
    /// Virtual host.
    pub vhost: String,
    /// Destinations that contracts name; none in the DMZ.
    pub destinations: Vec<CodeWord>,
    /// Members of the cluster that keep each queue; `None` leaves it to the broker.
    pub replicas: Option<u8>,
    /// Holders that may die over one message before the broker itself sets it aside; above the bridge's `max_attempts`.
    pub delivery_limit: u32,
    /// Bodies that one queue may hold, in bytes; a put beyond it is refused.
    pub max_bytes: u64,
}

impl Plan {
    fn queues(&self) -> Vec<Names> {
        let constant = |name| Names::of(&CodeWord::constant(name));
        match self.zone {
            Zone::Dmz => vec![constant(SUBMISSIONS), constant(OUTCOMES)],
            Zone::Secure => {
                let deliveries = self.destinations.iter().map(|name| Names::of(&delivery_queue(name)));
                deliveries.chain([constant(REPORTS)]).collect()
            }
        }
    }
}

/// Definitions in the format of `rabbitmqctl import_definitions`.
#[must_use]
pub fn definitions(plan: &Plan) -> Value {
    let names = plan.queues();
    let mut exchanges: Vec<&str> = names.iter().map(|names| names.exchange).collect();
    exchanges.extend(names.iter().map(|names| names.back.as_str()));
    exchanges.sort_unstable();
    exchanges.dedup();
    let exchanges: Vec<Value> = exchanges.into_iter().map(|name| exchange(plan, name)).collect();
    let (mut queues, mut bindings) = (Vec::new(), Vec::new());
    for names in &names {
        queues.push(queue(
            plan,
            &names.queue,
            json!({
                "x-overflow": "reject-publish",
                "x-max-length-bytes": plan.max_bytes,
                "x-delivery-limit": plan.delivery_limit,
                "x-dead-letter-strategy": "at-least-once",
                "x-dead-letter-exchange": names.back,
                "x-dead-letter-routing-key": DEAD,
            }),
        ));
        queues.push(queue(plan, &names.dead, json!({ "x-delivery-limit": LOOKS })));
        bindings.push(binding(plan, names.exchange, &names.key, &names.queue));
        bindings.push(binding(plan, &names.back, AGAIN, &names.queue));
        bindings.push(binding(plan, &names.back, DEAD, &names.dead));
        for step in STEPS {
            let retry = names.retry(step);
            queues.push(queue(
                plan,
                &retry,
                json!({
                    "x-overflow": "reject-publish",
                    "x-message-ttl": u64::try_from(step.pause.as_millis()).unwrap_or(u64::MAX),
                    "x-dead-letter-strategy": "at-least-once",
                    "x-dead-letter-exchange": names.back,
                    "x-dead-letter-routing-key": AGAIN,
                }),
            ));
            bindings.push(binding(plan, &names.back, step.key, &retry));
        }
    }
    let (users, permissions): (Vec<Value>, Vec<Value>) = rights(plan, &names)
        .into_iter()
        .map(|rights| {
            // An empty hash is no password: until one is set, a certificate alone lets the user in.
            let user = json!({ "name": rights.user, "password_hash": "", "tags": [],
                "hashing_algorithm": "rabbit_password_hashing_sha256" });
            let permission = json!({ "user": rights.user, "vhost": plan.vhost, "configure": NOTHING,
                "write": pattern(&rights.write), "read": pattern(&rights.read) });
            (user, permission)
        })
        .unzip();
    json!({
        "vhosts": [{ "name": plan.vhost }],
        "users": users,
        "permissions": permissions,
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
    })
}

/// What a user may write to and read from.
struct Rights<'a> {
    user: &'static str,
    write: Vec<&'a str>,
    read: Vec<&'a str>,
}

fn rights<'a>(plan: &Plan, names: &'a [Names]) -> Vec<Rights<'a>> {
    // Holding a queue's messages: reading it, and giving back or setting aside what was read.
    let holds = |user, exchange: &str, more: &[&'static str]| {
        let held: Vec<&Names> = names.iter().filter(|names| names.exchange == exchange).collect();
        let back = held.iter().map(|names| names.back.as_str());
        Rights {
            user,
            write: back.chain(more.iter().copied()).collect(),
            read: held.iter().map(|names| names.queue.as_str()).collect(),
        }
    };
    let operator = Rights {
        user: "sluse-operator",
        write: names.iter().map(|names| names.back.as_str()).collect(),
        read: names.iter().map(|names| names.dead.as_str()).collect(),
    };
    match plan.zone {
        Zone::Dmz => vec![
            holds("sluse-intake", FROM_BRIDGE, &[FROM_INTAKE]),
            holds("sluse-bridge", FROM_INTAKE, &[FROM_BRIDGE]),
            operator,
        ],
        Zone::Secure => vec![
            Rights { user: "sluse-bridge", write: vec![RELAY, FROM_BRIDGE], read: Vec::new() },
            holds("sluse-outlet", RELAY, &[]),
            holds("sluse-console", FROM_BRIDGE, &[]),
            operator,
        ],
    }
}

/// A pattern that nothing fits, not even the empty name.
const NOTHING: &str = "^(?!)";

/// A pattern that fits these names and no other.
fn pattern(names: &[&str]) -> String {
    if names.is_empty() {
        return NOTHING.to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| name.replace('.', "\\.")).collect();
    format!("^({})$", names.join("|"))
}

fn exchange(plan: &Plan, name: &str) -> Value {
    json!({ "name": name, "vhost": plan.vhost, "type": "direct", "durable": true, "auto_delete": false,
        "internal": false, "arguments": {} })
}

fn queue(plan: &Plan, name: &str, mut arguments: Value) -> Value {
    if let Some(arguments) = arguments.as_object_mut() {
        arguments.insert("x-queue-type".to_owned(), "quorum".into());
        if let Some(replicas) = plan.replicas {
            arguments.insert("x-quorum-initial-group-size".to_owned(), replicas.into());
        }
    }
    json!({ "name": name, "vhost": plan.vhost, "durable": true, "auto_delete": false, "arguments": arguments })
}

fn binding(plan: &Plan, source: &str, key: &str, queue: &str) -> Value {
    json!({ "source": source, "vhost": plan.vhost, "destination": queue, "destination_type": "queue",
        "routing_key": key, "arguments": {} })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_its_names_alone() {
        let pattern = pattern(&["sluse.a", "sluse.a.back"]);
        assert_eq!(pattern, r"^(sluse\.a|sluse\.a\.back)$");
        assert_eq!(super::pattern(&[]), NOTHING);
    }

    #[test]
    fn samples_are_what_the_command_prints() {
        let sample = |zone, destinations: &[&str], text: &str| {
            let plan = Plan {
                zone,
                vhost: "sluse".to_owned(),
                destinations: destinations.iter().map(|name| name.parse().unwrap()).collect(),
                replicas: None,
                delivery_limit: 200,
                max_bytes: 10 << 30,
            };
            let kept: Value = serde_json::from_str(text).unwrap();
            assert_eq!(definitions(&plan), kept, "{zone:?}");
        };
        sample(Zone::Dmz, &[], include_str!("../../../../../deploy/rabbitmq/dmz.json"));
        let both = ["building-cases", "parking"];
        sample(Zone::Secure, &both, include_str!("../../../../../deploy/rabbitmq/secure.json"));
    }

    #[test]
    fn nobody_may_configure_and_the_bridge_reads_nothing_in_the_secure_zone() {
        for zone in [Zone::Dmz, Zone::Secure] {
            let plan = Plan {
                zone,
                vhost: "sluse".to_owned(),
                destinations: vec!["parking".parse().unwrap()],
                replicas: None,
                delivery_limit: 200,
                max_bytes: 1 << 30,
            };
            let made = definitions(&plan);
            for permission in made["permissions"].as_array().unwrap() {
                assert_eq!(permission["configure"], NOTHING);
                if zone == Zone::Secure && permission["user"] == "sluse-bridge" {
                    assert_eq!(permission["read"], NOTHING);
                    assert_eq!(permission["write"], r"^(sluse\.relay|sluse\.bridge)$");
                }
            }
        }
    }
}
