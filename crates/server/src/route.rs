//! Routes as they are declared: path, who may, what goes in, what comes out, and the handler. The guard and the OpenAPI
//! description read the same declarations, so that neither can forget a route.

use crate::AppState;
use crate::access::Need;
use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a route answers when it succeeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// JSON of a type of `docs/api.md`, in its notation.
    Json(&'static str),
    /// The same with status 201.
    Made(&'static str),
    /// Nothing, status 204.
    Nothing,
    /// A document of one of these media types.
    File(&'static [&'static str]),
}

/// A parameter of the query: name, type in the notation of `docs/api.md`, what it does.
pub(crate) type Parameter = (&'static str, &'static str, &'static str);

/// A route.
pub(crate) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub need: Need,
    /// Identifier of the operation.
    pub name: &'static str,
    /// One sentence.
    pub says: &'static str,
    pub query: &'static [Parameter],
    /// It is a list: `cursor`, `offset`, `limit` and `format`.
    pub list: bool,
    /// Type of the body.
    pub body: Option<&'static str>,
    pub answer: Answer,
    /// Action under which the audit log notes it.
    pub audit: Option<&'static str>,
    pub handler: MethodRouter<Arc<AppState>>,
}

impl Route {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        need: Need,
        name: &'static str,
        handler: MethodRouter<Arc<AppState>>,
    ) -> Route {
        let answer = Answer::Nothing;
        Route {
            method,
            path,
            need,
            name,
            says: "",
            query: &[],
            list: false,
            body: None,
            answer,
            audit: None,
            handler,
        }
    }
    pub(crate) fn says(mut self, words: &'static str) -> Route {
        self.says = words;
        self
    }
    pub(crate) fn query(mut self, parameters: &'static [Parameter]) -> Route {
        self.query = parameters;
        self
    }
    pub(crate) fn list(mut self) -> Route {
        self.list = true;
        self
    }
    pub(crate) fn takes(mut self, body: &'static str) -> Route {
        self.body = Some(body);
        self
    }
    pub(crate) fn answers(mut self, kind: &'static str) -> Route {
        self.answer = Answer::Json(kind);
        self
    }
    pub(crate) fn makes(mut self, kind: &'static str) -> Route {
        self.answer = Answer::Made(kind);
        self
    }
    pub(crate) fn hands_out(mut self, kinds: &'static [&'static str]) -> Route {
        self.answer = Answer::File(kinds);
        self
    }
    pub(crate) fn audited(mut self, action: &'static str) -> Route {
        self.audit = Some(action);
        self
    }
}

/// What the guard needs to know of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub need: Need,
    pub audit: Option<&'static str>,
}

/// Rules by path and method.
#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<String, Vec<(Method, Rule)>>);

impl Table {
    pub(crate) fn of(routes: &[Route]) -> Table {
        let mut table = Table::default();
        for r in routes {
            let rule = Rule { need: r.need, audit: r.audit };
            table.0.entry(r.path.to_owned()).or_default().push((r.method.clone(), rule));
        }
        table
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<Rule> {
        self.0.get(path)?.iter().find(|(m, _)| m == method).map(|(_, rule)| *rule)
    }

    pub(crate) fn methods(&self, path: &str) -> Vec<String> {
        self.0.get(path).into_iter().flatten().map(|(m, _)| m.to_string()).collect()
    }
}

/// The handlers under their paths.
pub(crate) fn router(routes: Vec<Route>) -> Router<Arc<AppState>> {
    routes.into_iter().fold(Router::new(), |router, r| router.route(r.path, r.handler))
}
