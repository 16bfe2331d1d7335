//! Three of them on the host: the same code, with drivers made of cells.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use embed_bare::{Application, Clock, Flash, Frame, Next, Node, Radio, small_config};
use quorate_core::{
    Configuration, Entries, HardState, Index, LogFound, LogId, LogSummary, NodeId, Persisted,
    Refusal, RequestId, RoleKind, Seq, SnapshotMeta, Timestamp, Write,
};

#[derive(Clone, Default)]
struct Crystal(Rc<Cell<u64>>);

impl Clock for Crystal {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.get())
    }
}

type Queues = Rc<RefCell<BTreeMap<NodeId, VecDeque<(NodeId, Frame)>>>>;

/// A node without a queue is out of reach.
struct Air {
    own: NodeId,
    queues: Queues,
}

impl Radio for Air {
    fn receive(&mut self) -> Option<(NodeId, Frame)> {
        self.queues.borrow_mut().get_mut(&self.own)?.pop_front()
    }

    fn send(&mut self, to: NodeId, frame: Frame) {
        if let Some(queue) = self.queues.borrow_mut().get_mut(&to) {
            queue.push_back((self.own, frame));
        }
    }
}

/// Writes are durable when they are asked about the second time: the first interrupt is too early.
#[derive(Default)]
struct Pages {
    lives: u64,
    hard_state: HardState,
    base: LogId,
    entries: Entries,
    snapshot: Option<Arc<SnapshotMeta>>,
    states: BTreeMap<Index, Arc<[u8]>>,
    begun: VecDeque<Write>,
    is_ready: bool,
}

impl Pages {
    fn write(&mut self, write: &Write) {
        self.hard_state = write.hard_state;
        self.entries.truncate_from(write.truncate_from);
        self.entries.extend(write.entries.clone()).expect("a write follows the log");
        if let Some(meta) = &write.snapshot {
            self.snapshot = Some(meta.clone());
            self.states = self.states.split_off(&meta.last.index);
        }
        if write.discard_through > self.base.index {
            let in_log = self.entries.iter().find(|e| e.log_id.index == write.discard_through);
            let in_snapshot = self.snapshot.as_ref().map(|meta| meta.last);
            let base = in_log.map(|entry| entry.log_id).or(in_snapshot);
            self.base = base.expect("what is discarded has a name");
            self.entries = self.entries.starting_at(write.discard_through + 1);
        }
    }

    fn persisted(&mut self) -> Persisted {
        self.lives += 1;
        self.begun.clear();
        Persisted::Loaded {
            incarnation: self.lives,
            hard_state: self.hard_state,
            snapshot: self.snapshot.clone(),
            log: LogSummary::of(self.base, &self.entries),
            applied: 0,
        }
    }
}

impl Flash for Pages {
    fn begin(&mut self, write: Write) {
        self.begun.push_back(write);
    }

    fn finished(&mut self) -> Option<Result<Seq, Seq>> {
        if self.begun.is_empty() {
            return None;
        }
        self.is_ready = !self.is_ready;
        if self.is_ready {
            return None;
        }
        let write = self.begun.pop_front()?;
        self.write(&write);
        Some(Ok(write.seq))
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> LogFound {
        if from <= self.base.index {
            return LogFound::Compacted;
        }
        let found = self.entries.starting_at(from).ending_before(through + 1).capped(max_bytes);
        if found.is_empty() { LogFound::Missing } else { LogFound::Entries(found) }
    }

    fn save_snapshot(&mut self, index: Index, state: &[u8]) -> bool {
        self.states.insert(index, state.into());
        true
    }

    fn load_snapshot(&mut self, index: Index) -> Option<Arc<[u8]>> {
        self.states.get(&index).cloned()
    }
}

/// A lamp that was switched so often.
#[derive(Default)]
struct Lamp {
    switched: u64,
    answered: Vec<(RequestId, u64)>,
    refused: Vec<RequestId>,
    restored: u64,
}

impl Application for Lamp {
    fn apply(&mut self, _: &[u8]) {
        self.switched += 1;
    }

    fn read_ready(&mut self, request: RequestId) {
        self.answered.push((request, self.switched));
    }

    fn read_refused(&mut self, request: RequestId, _: Refusal) {
        self.refused.push(request);
    }

    fn snapshot(&self) -> Vec<u8> {
        self.switched.to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) {
        self.switched = u64::from_le_bytes(state.try_into().expect("eight bytes"));
        self.restored += 1;
    }
}

type Board = Node<Crystal, Air, Pages, Lamp>;

struct Room {
    clock: Crystal,
    queues: Queues,
    boards: BTreeMap<NodeId, Board>,
}

impl Room {
    fn new() -> Room {
        let (clock, queues) = (Crystal::default(), Queues::default());
        let mut room = Room { clock, queues, boards: BTreeMap::new() };
        let configuration = Arc::new(Configuration::new((1..=3).map(NodeId::of)));
        for id in (1..=3).map(NodeId::of) {
            let configuration = configuration.clone();
            let pages = Pages { lives: 1, ..Pages::default() };
            room.power_on(id, Persisted::Bootstrap { configuration, incarnation: 1 }, pages);
        }
        room
    }

    fn power_on(&mut self, id: NodeId, persisted: Persisted, pages: Pages) {
        self.queues.borrow_mut().insert(id, VecDeque::new());
        let air = Air { own: id, queues: self.queues.clone() };
        let drivers = (self.clock.clone(), air, pages);
        let board = Node::start(small_config(id, 7), persisted, drivers, Lamp::default(), 20);
        self.boards.insert(id, board.expect("a board starts"));
    }

    fn power_off(&mut self, id: NodeId) -> Pages {
        self.queues.borrow_mut().remove(&id);
        self.boards.remove(&id).expect("it was on").into_flash()
    }

    /// Everybody wakes up every millisecond: as interrupts would, at some moments for nothing.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            for board in self.boards.values_mut() {
                let next = board.poll();
                assert!(!matches!(next, Next::Halted(_)), "{next:?}");
            }
            self.clock.0.set(self.clock.0.get() + 1_000_000);
        }
    }

    fn leader(&self) -> NodeId {
        let leads = |board: &&Board| board.status().role == RoleKind::Leader;
        let terms = self.boards.values().filter(leads).max_by_key(|board| board.status().term);
        let leader = terms.expect("somebody leads").status().leader;
        leader.expect("who leads knows it")
    }

    fn switch(&mut self, times: u64) {
        for _ in 0..times {
            let leader = self.leader();
            let board = self.boards.get_mut(&leader).expect("it is on");
            board.propose(vec![1]).expect("it leads and has room");
            self.pass(5);
        }
    }

    fn lamps(&self) -> Vec<u64> {
        self.boards.values().map(|board| board.application().switched).collect()
    }
}

#[test]
fn three_boards_agree_and_outlive_their_leader() {
    let mut room = Room::new();
    room.pass(2_000);
    room.switch(10);
    room.pass(200);
    assert_eq!(room.lamps(), [10, 10, 10]);

    let first = room.leader();
    let pages = room.power_off(first);
    room.pass(2_000);
    // Long enough that what the board lacks is gone from the others' logs.
    room.switch(60);
    room.pass(200);
    assert_eq!(room.lamps(), [70, 70]);

    let mut pages = pages;
    let persisted = pages.persisted();
    room.power_on(first, persisted, pages);
    room.pass(3_000);
    assert_eq!(room.lamps(), [70, 70, 70]);
    assert!(room.boards[&first].application().restored > 0, "it had to take a snapshot");
}

#[test]
fn any_board_answers_a_read_that_is_not_stale() {
    let mut room = Room::new();
    room.pass(2_000);
    room.switch(3);
    for id in (1..=3).map(NodeId::of) {
        room.boards.get_mut(&id).expect("it is on").read(9);
        room.pass(300);
        assert_eq!(room.boards[&id].application().answered, [(9, 3)], "node {id}");
    }
}

#[test]
fn a_board_that_is_alone_refuses_reads_and_sleeps() {
    let mut room = Room::new();
    room.pass(2_000);
    let leader = room.leader();
    let others: Vec<NodeId> = room.boards.keys().copied().filter(|id| *id != leader).collect();
    others.iter().for_each(|id| drop(room.power_off(*id)));
    let board = room.boards.get_mut(&leader).expect("it is on");
    board.read(9);
    room.pass(2_000);
    let board = room.boards.get_mut(&leader).expect("it is on");
    assert_eq!(board.application().refused, [9]);
    assert_ne!(board.status().role, RoleKind::Leader);
    let now = room.clock.now();
    assert!(matches!(board.poll(), Next::At(wake) if wake > now));
}
