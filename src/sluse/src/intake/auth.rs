//! Who is calling? A handler reaches nothing of a request before this has answered.

use axum::http::{HeaderMap, header};

use crate::config::intake::Portal;
use crate::id::CodeWord;
use crate::intake::problem::Problem;

/// Proof that a request carries a portal's token.
///
/// Invariant: made by [`authenticate`] alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a>(&'a Portal);

impl<'a> Caller<'a> {
    /// The portal's name.
    pub(super) fn name(self) -> &'a CodeWord {
        &self.0.name
    }

    /// Whether the portal may submit this form.
    pub(super) fn may_submit(self, form: &str) -> bool {
        self.0.forms.iter().any(|allowed| allowed == form)
    }
}

/// Finds the portal whose token the request carries (RFC 6750 section 2.1).
///
/// Tokens are compared by digest, so the time of the comparison says nothing of a token.
pub(super) fn authenticate<'a>(portals: &'a [Portal], headers: &HeaderMap) -> Result<Caller<'a>, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Problem::Unauthorized)?;
    let digest = sluse_sanitize::report::sha256_hex(token.as_bytes());
    portals
        .iter()
        .find(|portal| portal.token_sha256.eq_ignore_ascii_case(&digest))
        .map(Caller)
        .ok_or(Problem::Unauthorized)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn portals() -> Vec<Portal> {
        vec![Portal {
            name: CodeWord::constant("borger"),
            token_sha256: sluse_sanitize::report::sha256_hex(b"right"),
            forms: vec!["parking".to_owned()],
        }]
    }

    fn with(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_right_token_names_its_portal() {
        let portals = portals();
        let headers = with("bearer right");
        let caller = authenticate(&portals, &headers).unwrap();
        assert_eq!(caller.name().as_str(), "borger");
        assert!(caller.may_submit("parking") && !caller.may_submit("building"));
    }

    #[test]
    fn anything_else_is_unauthorized() {
        for value in ["Bearer wrong", "Bearer", "Bearer ", "Basic right", "right", ""] {
            assert!(matches!(authenticate(&portals(), &with(value)), Err(Problem::Unauthorized)), "{value}");
        }
        assert!(authenticate(&portals(), &HeaderMap::new()).is_err());
    }
}
