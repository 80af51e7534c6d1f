//! The walk's last part: in through a gate, a loss reported, and the gate refuses.

use std::sync::Arc;
use std::time::Duration;

use gate::feed::{Direction, Door, Escort, Grant, Keeping, Name, Passback, Tier, Who, WithoutPower, Zone};
use gate::pass::GateRef;
use gate::wire::Evidence;

use super::AnyError;
use super::ground::Ground;
use super::story::Story;
use crate::gates::controller::{Carrier, Controller, Shown, client, disk::Folder};
use crate::gates::setup::{self, SetupError, Whom};
use crate::gates::{Added, add_controller};
use crate::lifecycle::{self, Badge, By, ChangeError, Reason};
use crate::operations::{Platform, SystemClock};
use crate::personnel::Employee;
use crate::phone::Phone;

/// The terminal phone, unlocked, before the reader.
pub(crate) struct InField<'a>(pub(crate) &'a mut Phone);

impl Carrier for InField<'_> {
    async fn transmit(&mut self, command: &[u8]) -> std::io::Result<Vec<u8>> {
        let evidence = Evidence { unlocked: true, age_s: 1 };
        Ok(self.0.wallet_mut().process_apdu(command, evidence).bytes)
    }
}

/// Plays it. The phone is found again at the end, so that whoever goes on with the demonstration has a badge.
pub(super) async fn pass(
    ground: &Ground,
    story: &mut Story,
    phone: &mut Phone,
    holder: &Employee,
) -> Result<(), AnyError> {
    story.chapter("출입문", "Gate");
    let (controller, door) = story
        .step(
            "gate_set_up",
            ("구역·출입문·권한, 제어기 등록", "zone, door, grant; controller enrolled"),
            async {
                let (controller, door) = set_up(ground, holder).await?;
                Ok(((controller, door), "예시청사 정문".to_owned()))
            },
        )
        .await?;
    let in_touch = tokio::spawn(Arc::clone(&controller).keep_in_touch(client::http()?));
    let outcome = taps(ground, story, phone, holder, &controller, door).await;
    in_touch.abort();
    outcome
}

async fn taps(
    ground: &Ground,
    story: &mut Story,
    phone: &mut Phone,
    holder: &Employee,
    controller: &Controller,
    door: GateRef,
) -> Result<(), AnyError> {
    until(|| controller.doors().len() == 1).await?;
    story
        .step(
            "gate_pass",
            ("출입권 (24시간, 조용히 갱신)", "gate pass (24 hours, renewed silently)"),
            async {
                phone.wallet_mut().renew_gate_pass().await?;
                Ok(((), String::new()))
            },
        )
        .await?;
    for (name, told) in [
        ("gate_opened", ("화면 잠금만 풀고 태그: 열림", "tapped, phone just unlocked: opened")),
        ("gate_opened_fast", ("다시 태그: 빠른 방식으로 열림", "tapped again: opened the fast way")),
    ] {
        story
            .step(name, told, async {
                let shown = controller.tap(door, &mut InField(phone)).await;
                if shown.opened { Ok(((), said(&shown))) } else { Err(said(&shown).into()) }
            })
            .await?;
    }
    story
        .step("gate_loss", ("분실신고 → 출입문이 앎", "loss reported → the gate knows"), async {
            change(ground, holder, true).await?;
            until(|| controller.standing().get("stopped") == Some(&1.into())).await?;
            Ok(((), String::new()))
        })
        .await?;
    story
        .step("gate_refused", ("같은 전화기: 거절", "the same phone: refused"), async {
            let shown = controller.tap(door, &mut InField(phone)).await;
            if shown.code == "stopped" { Ok(((), said(&shown))) } else { Err(said(&shown).into()) }
        })
        .await?;
    story
        .step("gate_found", ("되찾음: 사용중지 해제", "found again: resumed"), async {
            change(ground, holder, false).await?;
            until(|| controller.standing().get("stopped") == Some(&0.into())).await?;
            Ok(((), String::new()))
        })
        .await
}

fn said(shown: &Shown) -> String {
    format!("{} ({})", shown.ko, shown.code)
}

async fn until(mut done: impl FnMut() -> bool) -> Result<(), AnyError> {
    for _ in 0..1_000 {
        if done() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err("the controller was not told".into())
}

async fn set_up(ground: &Ground, holder: &Employee) -> Result<(Arc<Controller>, GateRef), AnyError> {
    let platform = &ground.platform;
    let name = Name { ko: "예시청사".to_owned(), en: "Example hall".to_owned() };
    let (added, door) = one_door(platform, &holder.agency.code, name).await?;
    let folder = Folder::open(&ground.controller())?;
    client::enrol(&client::http()?, platform.config.public.origin(), &added.code, &folder).await?;
    Ok((Controller::open(folder, Arc::new(SystemClock))?, door))
}

/// A zone with one door, open to everybody of an agency; its controller is added and not enrolled yet.
pub(crate) async fn one_door(
    platform: &Platform,
    agency: &str,
    name: Name,
) -> Result<(Added, GateRef), AnyError> {
    let added = add_controller(platform, &format!("{} 정문 제어기", name.ko), agency).await?;
    let id = GateRef(keys::random::bytes());
    let door_name = Name { ko: format!("{} 정문", name.ko), en: format!("{}, front", name.en) };
    let zone = Zone {
        id: "yesi-hall".to_owned(),
        name,
        tier: Tier::Ordinary,
        passback: Passback::Off,
        unlocked_within_s: None,
        tap_within_ms: None,
    };
    let door = Door {
        id,
        zone: zone.id.clone(),
        direction: Direction::In,
        name: door_name,
        without_power: WithoutPower::Locks,
        open_ms: 5_000,
        keeping: Keeping::Badge,
    };
    let grant = Grant {
        id: String::new(),
        zone: zone.id.clone(),
        who: Who::Agency { code: agency.to_owned() },
        from: None,
        until: None,
        schedule: None,
        escort: Escort::None,
    };
    let (agency, controller) = (agency.to_owned(), added.id.clone());
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            Box::pin(async move {
                setup::put_zone(tx, &agency, &zone).await?;
                setup::put_door(tx, &controller, &door).await?;
                let whom = Whom::Group(grant.who.clone());
                setup::grant(tx, &setup::By::operator(), &whom, grant).await?;
                Ok(())
            })
        })
        .await?;
    Ok((added, id))
}

async fn change(ground: &Ground, holder: &Employee, lost: bool) -> Result<(), ChangeError> {
    let employee = holder.id.clone();
    ground
        .platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let badge = Badge::live_of_employee_in(tx, &employee).await?.ok_or(ChangeError::Unknown)?;
                match lost {
                    true => lifecycle::suspend(tx, &badge.id, &By::system(), Reason::Loss).await,
                    false => lifecycle::resume(tx, &badge.id, &By::system(), Reason::Found).await,
                }
            })
        })
        .await
        .map(drop)
}
