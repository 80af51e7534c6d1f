//! The judge `deploy`: what is in `deploy/`, read by the programs that it is written for. Helm renders the chart and the
//! types of Kubernetes decode it; Compose's own loader reads the compose file; what both give a container is a configuration
//! that the server takes; Prometheus plays the alarms; systemd looks at the unit; HAProxy stands before two nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::green;
use super::tls::Tls;
use crate::process::{self, Outcome};
use crate::tools;

mod proxy;

/// What is judged.
pub(super) const JUDGED: &[&str] = &[
    "deploy",
    "interop/deploy",
    "xtask/src/interop/deploy.rs",
    "xtask/src/interop/deploy",
    "crates/mapae/src/operations/config.rs",
    "crates/mapae/src/operations/server.rs",
    "crates/mapae/src/login/mod.rs",
];

/// The Kubernetes whose types decode the chart (k8s.io/api 0.34), and the oldest that the chart allows.
const NEWEST: &str = "1.34.2";
const CLUSTERS: [&str; 2] = [NEWEST, "1.27.0"];

/// How exposed the unit may be, of a hundred.
const EXPOSURE: &str = "20";

const ADDRESSES: [&str; 4] = [
    "--set",
    "public.baseUrl=https://badge.example",
    "--set",
    "console.baseUrl=https://console.badge.example",
];

type Environment = BTreeMap<String, String>;

pub(super) fn run(mapae: &Path) -> Outcome {
    let folder = tools::scratch("deploy")?;
    let outcome = judge(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome?;
    green::passed("deploy", JUDGED)
}

fn judge(mapae: &Path, folder: &Path) -> Outcome {
    alarms()?;
    unit(mapae, folder)?;
    let (helm, reader) = (built("helm", "helm.sh/helm/v3/cmd/helm")?, built("deploy-reader", ".")?);
    chart(mapae, folder, &helm, &reader)?;
    let environment = compose(mapae, &reader)?;
    let tls = Tls::of_this_run().ok_or("this run has no certificate")?;
    proxy::judge(mapae, folder, &tls, &environment)
}

/// A program of interop/deploy's module; what was built before is used again.
fn built(name: &str, package: &str) -> Outcome<PathBuf> {
    let go = tools::program(&["go", "/usr/local/go/bin/go"], "install Go 1.24 or newer")?;
    let program = tools::cache().join("go-bin").join(name);
    println!("interop deploy: building {name}, which takes minutes the first time");
    process::run(
        Command::new(go)
            .args(["build", "-mod=readonly", "-o"])
            .arg(&program)
            .arg(package)
            .current_dir(tools::root().join("interop/deploy")),
    )?;
    Ok(program)
}

/// The rules are rules, and those that wake somebody ring when they should and only then.
fn alarms() -> Outcome {
    let promtool = tools::program(&["promtool"], "install Prometheus (Debian: apt-get install prometheus)")?;
    let root = tools::root();
    process::run(
        Command::new(&promtool)
            .args(["check", "rules", "--lint=all", "--lint-fatal"])
            .arg(root.join("deploy/prometheus/alerts.yaml")),
    )?;
    process::run(
        Command::new(&promtool).args(["test", "rules"]).arg(root.join("interop/deploy/alerts.test.yaml")),
    )
}

/// The unit with this program instead of the installed one.
fn unit(mapae: &Path, folder: &Path) -> Outcome {
    let analyze = tools::program(&["systemd-analyze"], "install systemd (Debian: apt-get install systemd)")?;
    let text = changed("deploy/systemd/mapae.service", &[("/usr/bin/mapae", &mapae.display().to_string())])?;
    let unit = folder.join("mapae.service");
    write(&unit, &text)?;
    // It warns with exit code 0, so what it says counts.
    let said = Command::new(&analyze).arg("verify").arg(&unit).output();
    let said = said.map_err(|error| format!("systemd-analyze: {error}"))?;
    let words = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    if !said.status.success() || words.contains("mapae.service") {
        return Err(format!("systemd-analyze verify: {words}"));
    }
    let told = process::output(
        Command::new(&analyze)
            .args(["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE}")])
            .arg(&unit),
    )?;
    let overall = told.lines().rfind(|line| line.contains("Overall exposure")).unwrap_or_default();
    println!("interop deploy: {}", overall.trim_start_matches(['→', ' ']));
    Ok(())
}

/// What the chart is rendered with, and what has to come out.
struct Release {
    name: &'static str,
    values: &'static str,
    kinds: &'static [&'static str],
}

const RELEASES: &[Release] = &[
    Release {
        name: "PostgreSQL and a key file",
        values: "store: { secret: mapae-store }\nkeys: { secret: mapae-key }\n",
        kinds: &["NetworkPolicy", "PodDisruptionBudget", "Service", "Service", "Service", "StatefulSet"],
    },
    Release {
        name: "one replica on its own store",
        values: "replicas: 1\nvolume: { size: 20Gi, storageClass: fast }\n",
        kinds: &["NetworkPolicy", "Service", "Service", "Service", "StatefulSet"],
    },
    Release {
        name: "a token (HSM)",
        values: "replicas: 3\nstore: { secret: mapae-store }\n\
                 hsm:\n  module: /vendor/pkcs11.so\n  secret: mapae-pin\n\
                 \x20 volumes: [{ name: vendor, persistentVolumeClaim: { claimName: vendor, readOnly: true } }]\n\
                 \x20 mounts: [{ name: vendor, mountPath: /vendor, readOnly: true }]\n",
        kinds: &["NetworkPolicy", "PodDisruptionBudget", "Service", "Service", "Service", "StatefulSet"],
    },
    Release {
        name: "rules of the network, monitoring and more settings",
        values: "store: { secret: mapae-store }\nkeys: { secret: mapae-key }\nserviceMonitor: true\n\
                 service: { type: LoadBalancer }\n\
                 settings:\n  MAPAE__LOG__LEVEL: debug\n  MAPAE__LOGIN__PROXIES: '[\"10.244.0.0/16\"]'\n\
                 network:\n  consoleFrom: { matchLabels: { kubernetes.io/metadata.name: office } }\n\
                 \x20 metricsFrom: { matchExpressions: [{ key: monitoring, operator: Exists }] }\n",
        kinds: &[
            "NetworkPolicy",
            "PodDisruptionBudget",
            "Service",
            "Service",
            "Service",
            "ServiceMonitor",
            "StatefulSet",
        ],
    },
];

/// Values that the chart refuses, and what it says.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("two replicas on one embedded store", &ADDRESSES, "more than one replica needs PostgreSQL"),
    (
        "replicas without a common key",
        &[
            "--set",
            "public.baseUrl=https://badge.example",
            "--set",
            "console.baseUrl=https://console.badge.example",
            "--set",
            "store.secret=s",
        ],
        "replicas share one key-encryption key",
    ),
    (
        "no public address",
        &["--set", "replicas=1", "--set", "console.baseUrl=https://c.example"],
        "set public.baseUrl",
    ),
    (
        "no console address",
        &["--set", "replicas=1", "--set", "public.baseUrl=https://b.example"],
        "set console.baseUrl",
    ),
    (
        "a token without its PIN",
        &[
            "--set",
            "public.baseUrl=https://badge.example",
            "--set",
            "console.baseUrl=https://console.badge.example",
            "--set",
            "store.secret=s,hsm.module=/vendor/pkcs11.so",
        ],
        "set hsm.secret",
    ),
];

fn chart(mapae: &Path, folder: &Path, helm: &Path, reader: &Path) -> Outcome {
    let chart = tools::root().join("deploy/helm/mapae");
    let with = |what: &[&str]| {
        let mut command = Command::new(helm);
        command.args(what).env("HOME", folder);
        // Nothing of whoever runs this is read or written.
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, folder.join("helm"));
        }
        command
    };
    for release in RELEASES {
        let values = folder.join("values.yaml");
        write(&values, release.values)?;
        let fault = |reason: String| format!("{}: {reason}", release.name);
        process::output(
            with(&["lint", "--strict", "--quiet"]).arg(&chart).args(ADDRESSES).arg("--values").arg(&values),
        )
        .map_err(fault)?;
        for cluster in CLUSTERS {
            let rendered = process::output(
                with(&["template", "badge"])
                    .arg(&chart)
                    .args(["--kube-version", cluster, "--api-versions", "monitoring.coreos.com/v1"])
                    .args(ADDRESSES)
                    .arg("--values")
                    .arg(&values),
            )
            .map_err(fault)?;
            let file = folder.join("rendered.yaml");
            write(&file, &rendered)?;
            let input = std::fs::File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let told = process::output(Command::new(reader).arg("kubernetes").stdin(Stdio::from(input)))
                .map_err(fault)?;
            let told: Value = serde_json::from_str(&told).map_err(|error| format!("the reader: {error}"))?;
            let mut kinds: Vec<&str> = told
                .pointer("/kinds")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            kinds.sort_unstable();
            if kinds != release.kinds {
                return Err(format!("{}: {kinds:?} came out, not {:?}", release.name, release.kinds));
            }
            taken(mapae, &environment(&told, "mapae")).map_err(fault)?;
        }
        println!("interop deploy: the chart with {}: {} objects", release.name, release.kinds.len());
    }
    for (what, values, says) in REFUSED {
        let mut command = with(&["template", "badge"]);
        command.arg(&chart).args(["--kube-version", NEWEST]).args(*values);
        let done = command.output().map_err(|error| format!("helm: {error}"))?;
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() || !words.contains(says) {
            return Err(format!("{what}: refused with \"{says}\" is expected, not {}: {words}", done.status));
        }
    }
    println!("interop deploy: the chart refuses what would not work, and says why");
    Ok(())
}

/// Both nodes of the compose file are given the same; what that is.
fn compose(mapae: &Path, reader: &Path) -> Outcome<Environment> {
    let file = tools::root().join("deploy/compose.yaml");
    let with = |settings: &[(&str, &str)]| {
        let mut command = Command::new(reader);
        command.arg("compose").arg(&file).envs(settings.iter().copied());
        command
    };
    let told = process::output(&mut with(&[
        ("MAPAE_HOST", "badge.example"),
        ("MAPAE_DATABASE_PASSWORD", "sample"),
    ]))?;
    let told: Value = serde_json::from_str(&told).map_err(|error| format!("the reader: {error}"))?;
    let (one, two) = (environment(&told, "one"), environment(&told, "two"));
    if one.is_empty() || one != two {
        return Err(format!("the nodes of the compose file are not alike: {one:?}, {two:?}"));
    }
    taken(mapae, &one)?;
    for (given, missing) in
        [("MAPAE_HOST", "MAPAE_DATABASE_PASSWORD"), ("MAPAE_DATABASE_PASSWORD", "MAPAE_HOST")]
    {
        let done = with(&[(given, "badge.example")]).output();
        let done = done.map_err(|error| format!("the reader: {error}"))?;
        if done.status.success() || !String::from_utf8_lossy(&done.stderr).contains(missing) {
            return Err(format!("the compose file is read without {missing}"));
        }
    }
    println!("interop deploy: the compose file is read, and asks for what it needs");
    Ok(one)
}

/// The environment of one container, with a sample for each secret.
fn environment(told: &Value, container: &str) -> Environment {
    let variables = told.pointer(&format!("/environment/{container}")).and_then(Value::as_object);
    let sample = |value: &str| match value.strip_prefix("secret ") {
        Some(_) => "postgres://mapae:sample@database/mapae".to_owned(),
        None => value.to_owned(),
    };
    let variables = variables.into_iter().flatten();
    variables.map(|(name, value)| (name.clone(), sample(value.as_str().unwrap_or_default()))).collect()
}

/// The server takes it as its configuration, and takes nothing that is called a little otherwise.
fn taken(mapae: &Path, environment: &Environment) -> Outcome {
    let check = |environment: &Environment| {
        let mut command = Command::new(mapae);
        command.args(["config", "check"]).env_clear().envs(environment);
        command.output().map_err(|error| format!("mapae config check: {error}"))
    };
    let done = check(environment)?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("mapae config check refuses {environment:?}: {words}"));
    }
    for name in environment.keys() {
        let mut other = environment.clone();
        let value = other.remove(name).unwrap_or_default();
        other.insert(format!("{name}X"), value);
        if check(&other)?.status.success() {
            return Err(format!("mapae config check takes {name}X"));
        }
    }
    Ok(())
}

/// A file of the repository with some of its words replaced; each has to be there.
fn changed(file: &str, words: &[(&str, &str)]) -> Outcome<String> {
    let path = tools::root().join(file);
    let mut text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (from, to) in words {
        if !text.contains(from) {
            return Err(format!("{file} has no {from} any more: this judge has to learn it anew"));
        }
        text = text.replace(from, to);
    }
    Ok(text)
}

fn write(file: &Path, text: &str) -> Outcome {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
