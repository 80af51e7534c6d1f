//! What is loaded is what the import and the walk would have left, on a few hundred people.

use credential::status_list::Status;
use credential::status_list::week::Week;

use super::load::load;
use super::*;
use crate::account;
use crate::application::{self, State};
use crate::lifecycle::{Badge, BadgeState, LocalStatus, badge_of, status::claims_for};
use crate::operations::store::params;
use crate::personnel::{self, cli::write_demo_files, demo_data, import};
use crate::staff;
use crate::testing::{TestPlatform, platform_with};

const LOADED: u64 = 500;

async fn town() -> (TestPlatform, super::super::ground::Folder) {
    let town = platform_with(|config| config.demo.enabled = true).await;
    town.people(DESK_PEOPLE).await;
    staff::demo::make(&town).await.unwrap();
    (town, super::super::ground::Folder::make(&std::env::temp_dir()).unwrap())
}

#[tokio::test]
async fn the_import_finds_nothing_to_change_in_what_was_loaded() {
    let (town, folder) = town().await;
    load(&town.platform, DESK_PEOPLE..DESK_PEOPLE + LOADED, 1).await.unwrap();
    let (_, people) = write_demo_files(folder.path(), DESK_PEOPLE + LOADED).unwrap();
    let options = import::Options { dry_run: false, source: "demo".into(), actor: "test".into() };
    let report = import::import(&town.platform, &people, &options, &mut |_, _| {}).await.unwrap();
    assert_eq!(
        (report.unchanged, report.new, report.changed, report.bad),
        (DESK_PEOPLE + LOADED, 0, 0, 0),
        "{report:?}"
    );
    // The same columns filled as the import fills them, and as many name pieces.
    let row = town
        .store
        .fetch_one(
            "SELECT COUNT(DISTINCT filled) AS shapes, COUNT(DISTINCT pieces) AS lengths FROM (SELECT \
             CAST(rrn_tag IS NULL AS TEXT) || CAST(external_id IS NULL AS TEXT) || CAST(removed_at IS NULL AS TEXT) \
             || CAST(created_at IS NULL AS TEXT) || source || status AS filled, (SELECT COUNT(*) FROM \
             employee_name_piece p WHERE p.employee_id = e.id) > 0 AS pieces FROM employee e) x",
            params![],
        )
        .await
        .unwrap();
    assert_eq!((row.int("shapes").unwrap(), row.int("lengths").unwrap()), (1, 1));
}

#[tokio::test]
async fn loaded_people_open_and_are_found_by_number_by_name_and_by_identity() {
    let (town, _folder) = town().await;
    let loaded = load(&town.platform, DESK_PEOPLE..DESK_PEOPLE + LOADED, 1).await.unwrap();
    assert!(loaded.len() > 480, "{}", loaded.len());
    for loaded in loaded.iter().step_by(37) {
        let person = demo_data::person(loaded.n);
        let found = personnel::employee_by_number(&town, person.agency, &person.number).await.unwrap();
        let found = found.expect("found by number");
        assert_eq!(found.id, loaded.employee_id);
        assert_eq!((&found.name.ko, &found.name.en), (&person.name, &person.name_en));
        assert_eq!((&found.phone, &found.birth_date), (&person.phone, &person.birth_date));
        assert_eq!((&found.department.ko, &found.agency.code[..]), (&person.department, person.agency));
        let wanted = personnel::Search {
            name: Some(person.name.chars().skip(1).collect()),
            limit: 100,
            ..personnel::Search::default()
        };
        let page = personnel::search(&town, vec![person.agency.to_owned()], &wanted).await.unwrap();
        assert!(page.employees.iter().any(|employee| employee.id == loaded.employee_id));
        assert!(
            personnel::matches_identity(&town, &loaded.employee_id, &person.name, &person.rrn).await.unwrap(),
            "name and registration number prove who it is"
        );
    }
}

#[tokio::test]
async fn badge_application_phone_and_status_list_agree_and_nobody_else_has_a_badge() {
    let (town, _folder) = town().await;
    let loaded = load(&town.platform, DESK_PEOPLE..DESK_PEOPLE + LOADED, 1).await.unwrap();
    let did = issuance::desk(&town).unwrap().did().to_owned();
    badges::make_lists(&town, &did, loaded.last().unwrap()).await.unwrap();
    let week = Week::of(town.now_ms().div_euclid(1000));
    for (place, loaded) in loaded.iter().enumerate().step_by(29) {
        let badge =
            Badge::live_of_employee(&town.store, &loaded.employee_id).await.unwrap().expect("a badge");
        assert_eq!((&badge.id, badge.slot, badge.state), (&loaded.badge_id, loaded.slot, BadgeState::Active));
        let phone = account::of_employee(&town.store, &loaded.employee_id).await.unwrap().expect("a phone");
        assert_eq!(badge.account_id.as_deref(), Some(&phone.id[..]));
        let application = application::find(&town.store, &loaded.application_id).await.unwrap().unwrap();
        assert_eq!(
            (application.state, application.badge_id.as_ref()),
            (State::Issued, Some(&loaded.badge_id))
        );
        assert_eq!(application.frozen_phone(&town.sealer), Some(demo_data::person(loaded.n).phone));
        let events = application::events(&town, &application.id).await.unwrap();
        assert_eq!((events.len(), events.last().map(|last| last.state)), (6, Some(State::Issued)));

        let claim = claims_for(&town, &did, loaded.slot, week, 0, 1).await.unwrap().unwrap().remove(0);
        let holder = badge_of(&town, &claim.uri, claim.index).await.unwrap().expect("whose copy");
        assert_eq!(holder.id, loaded.badge_id);
        let status = async || LocalStatus::now(&town).await.unwrap().status(&claim.uri, claim.index);
        assert_eq!(status().await, Some(Status::Valid));
        if place % 2 == 0 {
            badges::lose(&town, &loaded.employee_id).await.unwrap();
            assert_eq!(status().await, Some(Status::Suspended), "the first look sees it");
        }
    }
    let row = town.store.fetch_one("SELECT COUNT(*) AS badges FROM badge", params![]).await.unwrap();
    assert_eq!(row.int("badges").unwrap(), i64::try_from(loaded.len()).unwrap());
    assert!(audit::number(&town).await.unwrap() > loaded.len() as u64, "each badge has its record");
}

#[test]
fn the_document_lists_every_figure_of_scale_and_no_other() {
    let document = include_str!("../../../../../docs/performance.md");
    let listed: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("scale_"))
        .collect();
    assert_eq!(listed, NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}
