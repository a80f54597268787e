//! The synapses of the recorded axon, served by this one: `Echo`, `Deny`,
//! `Boom`, `Slow` and `StreamIt`, and `Specs` beside them.

use std::time::Duration;

use async_trait::async_trait;
use host::subnet::key::AccountId;
use host::subnet::synapse::{Declaration, Kind, Value};
use host::subnet::wire::{
    Description, Refusal, Service, SynapseAnswer, SynapseReceived, TaskReceived,
};
use tokio::sync::mpsc;

use super::support::description;

/// Welcomes everybody, or nobody.
#[derive(Default)]
pub(crate) struct Synapses {
    denying: bool,
    stakes: Vec<(AccountId, u64)>,
}

impl Synapses {
    pub(crate) fn denying() -> Self {
        Self {
            denying: true,
            ..Self::default()
        }
    }

    pub(crate) fn with_stakes(stakes: Vec<(AccountId, u64)>) -> Self {
        Self {
            stakes,
            ..Self::default()
        }
    }
}

fn echo() -> Declaration {
    let any = || Box::new(Kind::Any);
    let text = || Box::new(Kind::Text);
    let tags = Value::List(vec!["a".into(), "b c".into()]);
    let meta = Value::dict([
        ("k", Value::None),
        ("t", Value::Bool(true)),
        ("f", Value::Float(1e-7)),
    ]);
    Declaration::new("Echo")
        .required("prompt", Kind::Text)
        .optional("n", Kind::Int, Value::Int(3))
        .optional("ratio", Kind::Float, Value::Float(0.1))
        .optional("tags", Kind::List(text()), tags)
        .optional("meta", Kind::Dict(text(), any()), meta)
        .optional("answer", Kind::Text.or_none(), Value::None)
        .hashed(&["prompt", "n", "ratio", "tags", "meta"])
}

fn numbered(name: &str) -> Declaration {
    Declaration::new(name).optional("x", Kind::Int, Value::Int(1))
}

#[async_trait]
impl Service for Synapses {
    fn admit(&self, _: &AccountId) -> Result<(), Refusal> {
        if self.denying {
            return Err(Refusal::Forbidden("not on the list".to_owned()));
        }
        Ok(())
    }

    async fn describe(&self, _: &AccountId) -> Result<Description, Refusal> {
        Ok(description())
    }

    async fn challenge(&self, _: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal> {
        Ok(task.payload)
    }

    async fn end_session(&self, _: &AccountId, _: &str) {}

    fn stake_rao(&self, caller: &AccountId) -> u64 {
        let found = self.stakes.iter().find(|(account, _)| account == caller);
        found.map_or(0, |(_, stake)| *stake)
    }

    fn synapses(&self) -> Vec<Declaration> {
        let stream = Declaration::new("StreamIt")
            .required("prompt", Kind::Text)
            .optional("completion", Kind::Text.or_none(), Value::None)
            .hashed(&["prompt"])
            .streamed();
        vec![
            echo(),
            numbered("Deny"),
            numbered("Boom"),
            numbered("Slow"),
            stream,
        ]
    }

    async fn synapse(
        &self,
        _: &AccountId,
        mut asked: SynapseReceived,
    ) -> Result<SynapseAnswer, Refusal> {
        match asked.name.as_str() {
            "Boom" => Err(Refusal::Failed("boom".to_owned())),
            "Slow" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(SynapseAnswer::Fields(asked.fields))
            }
            "StreamIt" => {
                let (chunks, stream) = mpsc::channel(1);
                tokio::spawn(async move {
                    for chunk in ["Hel", "lo ", "wörld"] {
                        let _ = chunks.send(chunk.into()).await;
                    }
                });
                Ok(SynapseAnswer::Stream(stream))
            }
            _ => {
                if let Some(Value::Text(prompt)) = asked.fields.get("prompt") {
                    let answer = format!("echo:{prompt}");
                    asked.fields.set("answer", answer.into());
                }
                Ok(SynapseAnswer::Fields(asked.fields))
            }
        }
    }
}
