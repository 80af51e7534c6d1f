//! Who arrives: officials with an invitation, phones that wait for their badge, phones that hold it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use credential::types::Format;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use wallet::issue::Options;

use super::super::AnyError;
use super::super::flows;
use super::super::ground::{Invited, Laid, official};
use super::super::relying_party::RelyingParty;
use super::gate::{Door, Gate};
use crate::personnel::demo_data::DemoPerson;
use crate::phone::Phone;

/// Phones that are set up at once.
const AT_ONCE: usize = 16;

/// What a phone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flow {
    /// From the link of the message to a PIN.
    Enrol,
    /// A batch of copies.
    Issue,
    /// From the relying party's redirect to its userinfo.
    Login,
    /// From a relying party's question over the API to its result.
    Present,
    /// From a document that a relying party sends to its copy with the signature.
    Sign,
    /// From the phone before the reader to the open door; the day's first time with a pass that the server makes.
    Gate,
}

impl Flow {
    pub(super) const ALL: [Self; 6] =
        [Self::Enrol, Self::Issue, Self::Login, Self::Present, Self::Sign, Self::Gate];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Issue => "issue",
            Self::Login => "login",
            Self::Present => "present",
            Self::Sign => "sign",
            Self::Gate => "gate",
        }
    }
}

/// The share of each kind; they add up to 1.
#[derive(Clone, Debug)]
pub(super) struct Mix(Vec<(Flow, f64)>);

/// `login=90,issue=5,enrol=5`
pub(super) fn mix(text: &str) -> Result<Mix, String> {
    let mut shares = Vec::new();
    for part in text.split(',') {
        let (name, share) = part.split_once('=').ok_or_else(|| format!("{part} is no kind=share"))?;
        let flow = Flow::ALL.into_iter().find(|flow| flow.as_str() == name);
        let flow =
            flow.ok_or_else(|| format!("{name} is none of enrol, issue, login, present, sign, gate"))?;
        let share: f64 = share.parse().map_err(|_| format!("{share} is no number"))?;
        if !share.is_finite() || share < 0.0 || shares.iter().any(|(other, _)| *other == flow) {
            return Err(format!("{part}: once for each kind, and not below 0"));
        }
        shares.push((flow, share));
    }
    let all: f64 = shares.iter().map(|(_, share)| share).sum();
    if all > 0.0 {
        Ok(Mix(shares.into_iter().map(|(flow, share)| (flow, share / all)).collect()))
    } else {
        Err("at least one share is more than 0".into())
    }
}

impl Mix {
    pub(super) fn share(&self, flow: Flow) -> f64 {
        self.0.iter().find(|(of, _)| *of == flow).map_or(0.0, |(_, share)| *share)
    }

    /// The kind at this place between 0 and 1.
    pub(super) fn at(&self, place: f64) -> Flow {
        let mut above = 0.0;
        for (flow, share) in &self.0 {
            above += share;
            if place < above {
                return *flow;
            }
        }
        self.0.iter().rev().find(|(_, share)| *share > 0.0).map_or(Flow::Login, |(flow, _)| *flow)
    }
}

/// load.json
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Prepared {
    /// Public base address.
    pub(super) origin: String,
    pub(super) metrics: String,
    pub(super) client_secret: String,
    pub(super) api_key: String,
    pub(super) door: Door,
    invited: Vec<Ready>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ready {
    /// Which of the fictional officials.
    number: u64,
    link: String,
    code: String,
}

impl Prepared {
    pub(super) async fn of(laid: &Laid) -> Result<Self, AnyError> {
        let mut invited = Vec::new();
        for (number, one) in (0_u64..).zip(&laid.invited) {
            if one.person.number != official(number).number {
                return Err("the officials are not in their order".into());
            }
            invited.push(Ready { number, link: one.link.clone(), code: one.code.clone() });
        }
        Ok(Self {
            origin: laid.platform.config.public.origin().to_owned(),
            metrics: format!("http://{}", laid.platform.config.metrics.listen),
            client_secret: laid.client_secret.clone(),
            api_key: laid.api_key.clone(),
            door: Door::made(&laid.platform).await?,
            invited,
        })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<PathBuf, AnyError> {
        let file = folder.join("load.json");
        std::fs::write(&file, serde_json::to_vec(self)?)?;
        Ok(file)
    }

    pub(super) fn read(file: &Path) -> Result<Self, AnyError> {
        let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// A phone and whose it is.
struct Owned {
    phone: Phone,
    person: DemoPerson,
}

/// Everybody, by what comes next for them.
pub(super) struct People {
    origin: String,
    http: Client,
    party: Arc<RelyingParty>,
    /// Where somebody passes one.
    gate: Option<Gate>,
    invited: Mutex<VecDeque<Invited>>,
    enrolled: Mutex<VecDeque<Owned>>,
    holders: Mutex<VecDeque<Owned>>,
    /// Whether phones that were enrolled go on to take their badge as a flow of its own.
    issues: bool,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "People(of {})", self.origin)
    }
}

impl People {
    pub(super) fn new(
        prepared: Prepared,
        mix: &Mix,
        http: Client,
        party: Arc<RelyingParty>,
        gate: Option<Gate>,
    ) -> Self {
        let invited = prepared.invited.into_iter().map(|ready| Invited {
            person: official(ready.number),
            link: ready.link,
            code: ready.code,
        });
        Self {
            origin: prepared.origin,
            http,
            party,
            gate,
            invited: Mutex::new(invited.collect()),
            enrolled: Mutex::default(),
            holders: Mutex::default(),
            issues: mix.share(Flow::Issue) > 0.0,
        }
    }

    /// Sets so many phones up, with their badge; and as many without it, where taking it is a flow.
    pub(super) async fn ready(&self, count: usize) -> Result<(), AnyError> {
        let wanted = if self.issues { count * 2 } else { count };
        let first: Vec<Invited> = {
            let mut invited = lock(&self.invited);
            let there = invited.len();
            let taken = invited.drain(..wanted.min(there)).collect();
            if there < wanted {
                return Err(format!("{there} officials are invited, {wanted} phones are wanted").into());
            }
            taken
        };
        let mut phones = VecDeque::from(self.set_up(first).await?);
        let later = phones.split_off(count.min(phones.len()));
        let holders = stream::iter(phones).map(received).buffer_unordered(AT_ONCE);
        let holders: Vec<Owned> = holders.try_collect().await?;
        lock(&self.holders).extend(holders);
        lock(&self.enrolled).extend(later);
        Ok(())
    }

    async fn set_up(&self, invited: Vec<Invited>) -> Result<Vec<Owned>, AnyError> {
        let people: Vec<DemoPerson> = invited.iter().map(|one| one.person.clone()).collect();
        let phones = flows::set_up(&self.http, &self.origin, invited).await?;
        Ok(phones.into_iter().zip(people).map(|(phone, person)| Owned { phone, person }).collect())
    }

    /// Plays one flow; `None` if nobody is free for it.
    pub(super) async fn play(&self, flow: Flow) -> Option<Result<(), AnyError>> {
        let free = match flow {
            Flow::Enrol => {
                let who = lock(&self.invited).pop_front()?;
                let done = self.set_up(vec![who]).await;
                return Some(done.map(|phones| lock(&self.enrolled).extend(phones)));
            }
            Flow::Issue => lock(&self.enrolled).pop_front()?,
            Flow::Login | Flow::Present | Flow::Sign | Flow::Gate => lock(&self.holders).pop_front()?,
        };
        let Owned { mut phone, person } = free;
        let party = Arc::clone(&self.party);
        let done = match flow {
            Flow::Enrol | Flow::Issue => return Some(self.hold(received(Owned { phone, person }).await)),
            Flow::Login => flows::log_in(party, self.http.clone(), phone).await,
            Flow::Present => flows::present(party, phone).await,
            Flow::Sign => flows::sign(party, &person, phone).await,
            Flow::Gate => match &self.gate {
                Some(gate) => gate.pass(&mut phone).await.map(|()| phone),
                None => Err("no gate was opened".into()),
            },
        };
        Some(self.hold(done.map(|phone| Owned { phone, person })))
    }

    fn hold(&self, done: Result<Owned, AnyError>) -> Result<(), AnyError> {
        done.map(|owned| lock(&self.holders).push_back(owned))
    }
}

/// The account's own wallet takes as many copies as the type's file says.
async fn received(owned: Owned) -> Result<Owned, AnyError> {
    let Owned { mut phone, person } = owned;
    let options = Options { format: Some(Format::SdJwtVc), ..Options::default() };
    let received = phone.receive_with(None, options).await?;
    if received.copies > 0 { Ok(Owned { phone, person }) } else { Err("no copy came".into()) }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_parts_of_one_and_what_is_none_is_refused() {
        let mixed = mix("login=90,issue=5,enrol=5").unwrap();
        assert!((mixed.share(Flow::Login) - 0.9).abs() < 1e-9);
        assert_eq!(mixed.at(0.0), Flow::Login);
        assert_eq!(mixed.at(0.92), Flow::Issue);
        assert_eq!(mixed.at(0.9999), Flow::Enrol);
        assert_eq!(mix("login=1,enrol=0").unwrap().at(1.0), Flow::Login, "never a kind without a share");
        for wrong in
            ["", "login", "login=x", "login=-1", "login=0", "dance=1", "login=1,login=2", "login=inf"]
        {
            assert!(mix(wrong).is_err(), "{wrong}");
        }
    }
}
