use proptest::prelude::*;

use crate::application::{Act, State, Step};

#[test]
fn what_is_over_stays_over() {
    for state in State::ALL.into_iter().filter(|state| !state.is_open()) {
        for act in Act::ALL {
            assert_eq!(state.after(act), None, "{state} {act:?}");
        }
        assert_eq!(state.awaits(), None);
    }
}

#[test]
fn every_open_state_can_be_withdrawn_and_expires() {
    for state in State::ALL.into_iter().filter(|state| state.is_open()) {
        assert_eq!(state.after(Act::Withdraw), Some(State::Withdrawn));
        assert_eq!(state.after(Act::Expire), Some(State::Expired));
    }
}

#[test]
fn the_words_of_the_database_read_back() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    for act in Act::ALL {
        assert_eq!(Act::parse(act.as_str()), Some(act));
    }
}

proptest! {
    /// Whatever is done in whatever order: an application is never approved for issue without the three approvals
    /// since it was last sent, in their order, and an identity check since it was last reopened.
    #[test]
    fn no_order_of_acts_skips_an_approval(acts in proptest::collection::vec(0..Act::ALL.len(), 0..60)) {
        let mut state = State::Draft;
        let mut approvals = Vec::new();
        for act in acts.into_iter().map(|index| Act::ALL[index]) {
            let Some(next) = state.after(act) else { continue };
            match act {
                Act::Submit | Act::Return => approvals.clear(),
                Act::Reopen => approvals.truncate(1),
                Act::HeadApprove => approvals.push(Step::HeadApproval),
                Act::CheckIdentity => approvals.push(Step::IdentityCheck),
                Act::ApproveIssue => approvals.push(Step::IssueApproval),
                _ => {}
            }
            state = next;
            if matches!(state, State::IssueApproved | State::Invited | State::Issued) {
                prop_assert_eq!(&approvals, &[Step::HeadApproval, Step::IdentityCheck, Step::IssueApproval]);
            }
        }
    }
}
