//! The outbound messages that the configured sources send, each described by its WSDL: what an
//! administrator holds against the one that Salesforce offers for the message.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;

use crate::domain::ids::SourceName;
use crate::domain::outbound_object::OutboundObject;
use crate::operator::State;
use crate::operator::problem::Problem;
use crate::operator::wsdl;

/// The objects of the sources of outbound messages, which can be exchanged.
#[derive(Debug, Default)]
pub struct Messages(ArcSwap<BTreeMap<SourceName, Arc<OutboundObject>>>);

impl Messages {
    /// The objects by their sources.
    pub fn new(objects: BTreeMap<SourceName, Arc<OutboundObject>>) -> Self {
        Self(ArcSwap::from_pointee(objects))
    }

    /// Exchanges all of them.
    pub fn replace(&self, objects: BTreeMap<SourceName, Arc<OutboundObject>>) {
        self.0.store(Arc::new(objects));
    }

    fn get(&self, source: &SourceName) -> Option<Arc<OutboundObject>> {
        self.0.load().get(source).cloned()
    }
}

/// The WSDL of a source's message.
pub(super) async fn wsdl(
    state: web::Data<State>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    if !request.query_string().eq_ignore_ascii_case("wsdl") {
        return Err(Problem::NoRoute);
    }
    let source = SourceName::parse(&name).map_err(|_invalid| Problem::NoSource)?;
    let object = state.parts.messages.get(&source).ok_or(Problem::NoSource)?;
    let body = wsdl::describe(&source, &object);
    Ok(HttpResponse::Ok().content_type("text/xml; charset=utf-8").body(body))
}
