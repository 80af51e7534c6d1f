use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = std::env::temp_dir().join(format!("mapae-config-{}.toml", crate::operations::id::new()));
    std::fs::write(&file, text).expect("write");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::load(Some(&file), environment);
    std::fs::remove_file(&file).expect("remove");
    config
}

#[test]
fn the_example_is_the_defaults_and_every_key_has_its_note() {
    let example = Config::example();
    let read: Config = toml::from_str(&example).expect("the example is valid");
    assert_eq!(toml::to_string(&read).expect("toml"), toml::to_string(&Config::default()).expect("toml"));
    every_section(|section, defaults, notes| {
        for key in defaults.keys() {
            assert!(notes.contains(&key.as_str()), "[{section}] {key} has no note");
        }
        for key in notes {
            assert!(defaults.contains_key(key), "[{section}] notes {key}, which does not exist");
        }
    });
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let error =
        load("[public]\nlisten = \"127.0.0.1:1\"\nlissten = \"127.0.0.1:2\"\n", &[]).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("line 3") && text.contains("lissten"), "{text}");
    let text = load("[pubic]\n", &[]).expect_err("refused").to_string();
    assert!(text.contains("pubic"), "{text}");
}

#[test]
fn the_environment_overrides_the_file_and_its_mistakes_are_refused_too() {
    let config = load(
        "[log]\nlevel = \"warn\"\n",
        &[("MAPAE__LOG__LEVEL", "debug"), ("MAPAE__DEMO__ENABLED", "true")],
    )
    .expect("valid");
    assert_eq!(config.log.level, "debug");
    assert!(config.demo.enabled);
    let text = load("", &[("MAPAE__LOG__LEVELL", "debug")]).expect_err("refused").to_string();
    assert!(text.contains("log.levell"), "{text}");
    load("", &[("MAPAE__DEMO__ENABLED", "perhaps")]).expect_err("not a truth value");
}

#[test]
fn plain_http_that_others_can_reach_is_refused_unless_said() {
    let text = load("[public]\nlisten = \"0.0.0.0:80\"\n", &[]).expect_err("refused").to_string();
    assert!(text.contains("plain HTTP"), "{text}");
    load("[public]\nlisten = \"0.0.0.0:80\"\nplain_http_beyond_loopback = true\n", &[]).expect("said so");
    load("[public]\nbase_url = \"http://id.example.org\"\n", &[]).expect_err("a plain base URL");
    load("[public]\ntls_certificate = \"a.pem\"\n", &[]).expect_err("a certificate without its key");
}

#[test]
fn a_role_that_does_not_exist_is_refused_with_the_names_of_those_that_do() {
    let roles = |text: &str| load("", &[("MAPAE__SERVER__ROLES", text)]).map(|config| config.server.roles);
    assert_eq!(roles("[]").expect("all"), []);
    assert_eq!(roles(r#"["login", "hr-desk"]"#).expect("two"), [Role::Login, Role::HrDesk]);
    let text = roles(r#"["logn"]"#).expect_err("refused").to_string();
    for role in Role::ALL {
        assert!(text.contains(&role.name()), "{text}");
        assert!(Server::NOTES[0].1.contains(&role.name()), "the note names {}", role.name());
    }
}

#[test]
fn a_read_replica_is_postgresql_beside_postgresql() {
    let with = |url: &str, replica: &str| {
        load("", &[("MAPAE__STORE__URL", url), ("MAPAE__STORE__REPLICA_URL", replica)])
    };
    with("postgres://a/mapae", "postgres://b/mapae").expect("both");
    with("sqlite:data/mapae.db", "").expect("none");
    for (url, replica) in
        [("sqlite:data/mapae.db", "postgres://b/mapae"), ("postgres://a/mapae", "sqlite:data/copy.db")]
    {
        let text = with(url, replica).expect_err("refused").to_string();
        assert!(text.contains("store.replica_url") && text.contains("PostgreSQL"), "{text}");
    }
}
