//! Sessions: a command that is tried again is carried out once, and gets its first answer
//! (dissertation §6.3).

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    KvError, LeaseId, Response, SESSION_LIMIT, SESSION_LIMIT_ANSWERS, shared_map::SharedMap,
};

/// What is known of a command of a session.
pub(crate) enum Known {
    /// It is new.
    New,
    /// It was carried out, and this is what it answered.
    Answered(Arc<Response>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// All answers up to this number have come to the client, or are given up.
    pub(crate) acknowledged: u64,
    /// What the others were, by number.
    pub(crate) answers: BTreeMap<u64, Arc<Response>>,
}

/// All sessions. Each lives as long as the lease of its number. A copy shares all that neither changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions(SharedMap<LeaseId, Arc<Session>>);

impl Sessions {
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeaseId, &Session)> {
        self.0.iter().map(|(&id, session)| (id, session.as_ref()))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= u64::from(SESSION_LIMIT)
    }

    pub(crate) fn has(&self, id: LeaseId) -> bool {
        self.0.get(&id).is_some()
    }

    pub(crate) fn open(&mut self, id: LeaseId, session: Session) {
        self.0.insert(id, Arc::new(session));
    }

    /// Its lease has ended.
    pub(crate) fn end(&mut self, id: LeaseId) {
        self.0.remove(&id);
    }

    /// What is known of command `sequence`; everything up to `acknowledged` is forgotten.
    pub(crate) fn look_up(
        &mut self,
        id: LeaseId,
        sequence: u64,
        acknowledged: u64,
    ) -> Result<Known, KvError> {
        let Some(session) = self.0.get_mut(&id) else {
            return Err(KvError::SessionNotFound { session: id });
        };
        let session = Arc::make_mut(session);
        if acknowledged > session.acknowledged {
            session.acknowledged = acknowledged;
            session.answers = session.answers.split_off(&acknowledged.saturating_add(1));
        }
        if let Some(answer) = session.answers.get(&sequence) {
            return Ok(Known::Answered(answer.clone()));
        }
        if sequence <= session.acknowledged {
            return Err(KvError::AnswerGone { sequence });
        }
        let count = session.answers.len() as u64;
        if count >= u64::from(SESSION_LIMIT_ANSWERS) {
            return Err(KvError::TooManyAnswers { count });
        }
        Ok(Known::New)
    }

    /// Keeps an answer.
    pub(crate) fn answered(&mut self, id: LeaseId, sequence: u64, response: Response) {
        if let Some(session) = self.0.get_mut(&id) {
            Arc::make_mut(session).answers.insert(sequence, Arc::new(response));
        }
    }
}
