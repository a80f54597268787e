//! Answers under the number of another request, when faults say so.

use std::sync::Arc;

use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee::types::{Id, Request};

use super::super::node::Node;

/// The methods, behind a clerk who may mix up the envelopes.
#[derive(Clone)]
pub(super) struct Clerk<S> {
    /// The methods.
    pub(super) service: S,
    /// Whose faults decide.
    pub(super) node: Arc<Node>,
}

impl<S> RpcServiceT for Clerk<S>
where
    S: RpcServiceT + Send + Sync + Clone + 'static,
{
    type MethodResponse = S::MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(
        &self,
        mut request: Request<'a>,
    ) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        if self.node.faults.misaddresses() && !request.method.starts_with("dev_") {
            request.id = match request.id {
                Id::Number(number) => Id::Number(number.wrapping_add(1)),
                Id::Str(text) => Id::Str(format!("{text}1").into()),
                Id::Null => Id::Null,
            };
        }
        let service = self.service.clone();
        async move { service.call(request).await }
    }

    fn batch<'a>(
        &self,
        requests: Batch<'a>,
    ) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        let service = self.service.clone();
        async move { service.batch(requests).await }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        let service = self.service.clone();
        async move { service.notification(notification).await }
    }
}
