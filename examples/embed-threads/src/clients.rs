//! Who waits at a node, and for what. Outcomes are honest: what is not known is not answered.

use std::{collections::BTreeMap, sync::mpsc::Sender};

use quorate_core::{
    Consistency, EntryRef, Index, Input, LogId, Payload, Refusal, RequestId, Term, commands,
};

use crate::{
    machine::Machine,
    wire::{Answer, Request, Wish},
};

#[derive(Default)]
pub(crate) struct Clients {
    next_request: RequestId,
    /// What the core has not answered yet.
    asked: BTreeMap<RequestId, Request>,
    /// Proposals in the log, by place: the term tells whether the entry applied there is ours.
    proposed: BTreeMap<Index, (Term, Sender<Answer>)>,
    /// Reads that wait for the state machine.
    reads: BTreeMap<Index, Vec<Request>>,
}

impl Clients {
    /// Notes the request, and puts it to the core.
    pub(crate) fn take(&mut self, asked: Request) -> Input {
        self.next_request += 1;
        let request = self.next_request;
        let input = match &asked.wish {
            Wish::Put { key, value } => Input::Propose {
                request,
                commands: commands([Machine::put(key, value)]),
                expected_term: None,
            },
            Wish::Get { .. } => Input::Read { request, consistency: Consistency::Linearizable },
            Wish::Change(changes) => {
                Input::ChangeMembers { request, changes: changes.clone(), expected_term: None }
            }
        };
        self.asked.insert(request, asked);
        input
    }

    pub(crate) fn accepted(&mut self, request: RequestId, log_id: LogId) {
        let Some(asked) = self.asked.remove(&request) else { return };
        let earlier = self.proposed.insert(log_id.index, (log_id.term, asked.answer));
        if let Some((_, answer)) = earlier {
            // This node leads again, and appended where an entry of its earlier term was lost.
            tell(&answer, Answer::Replaced);
        }
    }

    pub(crate) fn refused(&mut self, request: RequestId, reason: Refusal) {
        if let Some(asked) = self.asked.remove(&request) {
            tell(&asked.answer, Answer::Refused(reason));
        }
    }

    pub(crate) fn read_ready(&mut self, request: RequestId, index: Index) {
        if let Some(asked) = self.asked.remove(&request) {
            self.reads.entry(index).or_default().push(asked);
        }
    }

    /// Applies an entry, and answers whoever proposed it, or what it replaced.
    pub(crate) fn apply(&mut self, entry: EntryRef<'_>, machine: &mut Machine) {
        match entry.payload {
            Payload::Command(command) => machine.apply(command),
            Payload::Noop | Payload::Configuration(_) => {}
        }
        if let Some((term, answer)) = self.proposed.remove(&entry.log_id.index) {
            let is_ours = term == entry.log_id.term;
            tell(&answer, if is_ours { Answer::Done } else { Answer::Replaced });
        }
    }

    /// A snapshot covers these places, and does not say what stood there: no answer is the answer.
    pub(crate) fn installed(&mut self, index: Index) {
        self.proposed = self.proposed.split_off(&(index + 1));
    }

    /// Answers the reads whose index is applied.
    pub(crate) fn answer_reads(&mut self, applied: Index, machine: &Machine) {
        while let Some(first) = self.reads.first_entry().filter(|first| *first.key() <= applied) {
            for asked in first.remove() {
                if let Wish::Get { key } = &asked.wish {
                    tell(&asked.answer, Answer::Value(machine.get(key)));
                }
            }
        }
    }
}

fn tell(to: &Sender<Answer>, answer: Answer) {
    // A client that gave up is gone.
    let _ = to.send(answer);
}
