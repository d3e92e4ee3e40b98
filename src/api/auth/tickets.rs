//! Tickets: what a browser shows where it can't send a token (live connections and streams). Good once, for seconds, from
//! one address; so one in a log is worth nothing.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use subtle::ConstantTimeEq as _;

use super::{Caller, TICKET_LASTS};

/// Most tickets that wait to be used; the oldest gives way.
const MOST: usize = 1024;

/// Tickets that wait to be used, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tickets(VecDeque<Ticket>);

#[derive(Debug)]
struct Ticket {
    text: String,
    from: IpAddr,
    made: Instant,
    caller: Caller,
}

impl Tickets {
    /// Keeps a new ticket for whoever asked for it.
    pub(super) fn keep(&mut self, text: String, from: IpAddr, caller: Caller, now: Instant) {
        self.0.retain(|ticket| ticket.holds(now));
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        let made = now;
        self.0.push_back(Ticket {
            text,
            from,
            made,
            caller,
        });
    }

    /// Who showed this ticket; it is used up.
    pub(super) fn take(&mut self, text: &str, from: IpAddr, now: Instant) -> Option<Caller> {
        let is_it = |ticket: &Ticket| bool::from(ticket.text.as_bytes().ct_eq(text.as_bytes()));
        let place = self.0.iter().position(is_it)?;
        let ticket = self.0.remove(place)?;
        (ticket.holds(now) && ticket.from == from).then_some(ticket.caller)
    }
}

impl Ticket {
    fn holds(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.made) < TICKET_LASTS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ticket_is_good_once_for_seconds_from_one_address() {
        let (mut tickets, start) = (Tickets::default(), Instant::now());
        let [here, there] = [[10, 0, 0, 7], [10, 0, 0, 8]].map(IpAddr::from);
        let caller = Caller::somebody();
        for text in ["a", "b", "c"] {
            tickets.keep(text.to_owned(), here, caller.clone(), start);
        }
        let soon = start + Duration::from_secs(4);
        assert_eq!(tickets.take("a", here, soon), Some(caller.clone()));
        assert_eq!(tickets.take("a", here, soon), None);
        assert_eq!(tickets.take("b", there, soon), None);
        assert_eq!(
            tickets.take("b", here, soon),
            None,
            "whoever tries it from elsewhere ends it"
        );
        assert_eq!(tickets.take("c", here, start + TICKET_LASTS), None);
        assert_eq!(tickets.take("", here, soon), None);
    }

    #[test]
    fn tickets_nobody_uses_do_not_pile_up() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        let here = IpAddr::from([127, 0, 0, 1]);
        for n in 0..3 * MOST {
            tickets.keep(n.to_string(), here, Caller::somebody(), now);
        }
        assert_eq!(tickets.0.len(), MOST);
        tickets.keep("late".to_owned(), here, Caller::somebody(), now + TICKET_LASTS);
        assert_eq!(tickets.0.len(), 1);
    }
}
