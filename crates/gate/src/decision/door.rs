//! The door itself: what its lock is told, and what its contacts tell.

use alloc::vec::Vec;

use crate::feed::{Door, WithoutPower};

/// What a door's contacts and the building tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The fire alarm, on or off. It always wins.
    Fire(bool),
    /// Mains, there or gone.
    Power(bool),
    /// The leaf moved.
    Leaf {
        /// Whether it stands open.
        open: bool,
    },
    /// Someone went through, by the light barrier.
    Crossed,
}

/// What is worth a line in the log and a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// More people went through than the door was opened for.
    Tailgate,
    /// The leaf stands open after its time.
    HeldTooLong,
    /// The leaf was opened without leave.
    Forced,
    /// The fire alarm opened the door.
    Fire,
}

impl Alarm {
    /// Stable code, as in the passage log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Tailgate => "tailgate",
            Self::HeldTooLong => "held_too_long",
            Self::Forced => "forced",
            Self::Fire => "fire",
        }
    }
}

/// One door over time.
#[derive(Debug, Clone)]
pub struct DoorState {
    fire: bool,
    power: bool,
    leaf_open: bool,
    /// Until when it is released, and for how many.
    released: Option<(i64, u32)>,
    crossed: u32,
    told_held: bool,
    forced: bool,
}

/// How long after its time a crossing still belongs to a release: whoever is in the turnstile when it locks (ms).
const CROSSING_MS: i64 = 2_000;

impl Default for DoorState {
    fn default() -> Self {
        Self {
            fire: false,
            power: true,
            leaf_open: false,
            released: None,
            crossed: 0,
            told_held: false,
            forced: false,
        }
    }
}

impl DoorState {
    /// Whether the fire alarm is on.
    pub const fn fire(&self) -> bool {
        self.fire
    }

    /// Whether the leaf stands open.
    pub const fn leaf_open(&self) -> bool {
        self.leaf_open
    }

    /// What is wrong and goes on: a display and a desk show it until it is over, not for the moment of its report only.
    pub const fn lasting(&self) -> Option<Alarm> {
        match self {
            Self { fire: true, .. } => Some(Alarm::Fire),
            Self { leaf_open: true, forced: true, .. } => Some(Alarm::Forced),
            Self { leaf_open: true, told_held: true, .. } => Some(Alarm::HeldTooLong),
            _ => None,
        }
    }

    /// Whether the lock is open now.
    pub fn unlocked(&self, door: &Door, kept_open: bool, now_ms: i64) -> bool {
        if self.fire {
            return true;
        }
        if !self.power {
            return door.without_power == WithoutPower::Opens;
        }
        kept_open || self.released.is_some_and(|(until, _)| now_ms < until)
    }

    /// A decision opened the door for so many people.
    pub fn release(&mut self, door: &Door, people: u32, now_ms: i64) {
        let until = now_ms.saturating_add(i64::from(door.open_ms));
        // Two people at once: the second decision adds its own.
        let (before, waiting) = match self.released {
            Some((until, people)) if now_ms < until => (until, people),
            _ => {
                self.crossed = 0;
                (until, 0)
            }
        };
        self.released = Some((until.max(before), waiting.saturating_add(people)));
        self.told_held = false;
    }

    /// What a contact tells; gives what is to be reported.
    pub fn input(&mut self, input: Input, kept_open: bool, now_ms: i64) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        let released = self.released.is_some_and(|(until, _)| now_ms < until);
        match input {
            Input::Fire(on) => {
                if on && !self.fire {
                    alarms.push(Alarm::Fire);
                }
                self.fire = on;
            }
            Input::Power(on) => self.power = on,
            Input::Leaf { open } => {
                if open && !released && !kept_open && !self.fire && self.power {
                    alarms.push(Alarm::Forced);
                    self.forced = true;
                }
                self.leaf_open = open;
                if !open {
                    self.told_held = false;
                    self.forced = false;
                    // One opening is over when the leaf falls shut after someone went through.
                    if self.crossed > 0 {
                        self.released = None;
                        self.crossed = 0;
                    }
                }
            }
            Input::Crossed => {
                self.crossed = self.crossed.saturating_add(1);
                // A leave that nobody took is over with its time, unless the leaf still stands open from it.
                let counts = |until: i64| self.leaf_open || now_ms < until.saturating_add(CROSSING_MS);
                let people =
                    self.released.filter(|(until, _)| counts(*until)).map_or(0, |(_, people)| people);
                if self.crossed > people && !kept_open && !self.fire {
                    alarms.push(Alarm::Tailgate);
                }
            }
        }
        alarms
    }

    /// Time passes.
    pub fn tick(&mut self, kept_open: bool, now_ms: i64) -> Option<Alarm> {
        let over = self.released.is_some_and(|(until, _)| now_ms >= until);
        if self.leaf_open && over && !kept_open && !self.fire && !self.told_held {
            self.told_held = true;
            return Some(Alarm::HeldTooLong);
        }
        None
    }
}
