//! How a Ray cluster shows itself.

use std::fmt::Write as _;

use super::{Bundle, Show};
use crate::ray::RayCluster;
use crate::text::escape;

impl Show for RayCluster {
    /// What the cluster is, a link to Ray's own dashboard, and the token that this asks for.
    fn bundle(&self) -> Bundle {
        let text = format!("{self:?}");
        Bundle { html: html(&text, self.ray_dashboard(), self.token()), text }
    }
}

fn html(text: &str, dashboard: Option<&str>, token: Option<&str>) -> String {
    let mut html = format!("<p>{}", escape(text));
    if let Some(url) = dashboard {
        let url = escape(url);
        let _ = write!(
            html,
            "<br><a href=\"{url}\" target=\"_blank\" rel=\"noreferrer\">Ray's dashboard</a> ({url})"
        );
        if let Some(token) = token {
            let token = escape(token);
            let _ = write!(html, " asks for this token: <code style=\"user-select:all\">{token}</code>");
        }
    }
    html + "</p>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_link_and_a_token_where_there_are() {
        let all = html("<Ray>", Some("http://127.0.0.1:8265"), Some("abc"));
        assert!(all.contains("href=\"http://127.0.0.1:8265\"") && all.contains(">abc</code>"), "{all}");
        assert!(all.starts_with("<p>&lt;Ray&gt;") && all.ends_with("</p>"), "{all}");
        assert!(!html("Ray", Some("http://10.0.0.7:8265"), None).contains("token"));
        assert_eq!(html("Ray", None, Some("abc")), "<p>Ray</p>", "of no use without the page");
    }
}
