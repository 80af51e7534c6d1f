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
}

impl Default for DoorState {
    fn default() -> Self {
        Self { fire: false, power: true, leaf_open: false, released: None, crossed: 0, told_held: false }
    }
}

impl DoorState {
    /// Whether the fire alarm is on.
    pub const fn fire(&self) -> bool {
        self.fire
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
                }
                self.leaf_open = open;
                if !open {
                    self.told_held = false;
                    // One opening is over when the leaf falls shut after someone went through.
                    if self.crossed > 0 {
                        self.released = None;
                        self.crossed = 0;
                    }
                }
            }
            Input::Crossed => {
                self.crossed = self.crossed.saturating_add(1);
                let people = self.released.map_or(0, |(_, people)| people);
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
