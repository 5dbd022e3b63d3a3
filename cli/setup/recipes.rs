//! The settings of each identity provider, as `docs/authentication.md` has them.

use super::{
    template::{Template, is_optional},
    values::Values,
};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../docs/authentication.md");

/// The start of a line such as `<!-- recipe: auth0 -->` above each block of settings.
const MARK: &str = "<!-- recipe: ";

/// The settings of one provider.
pub(super) struct Recipe {
    /// The name in its mark.
    pub(super) name: &'static str,
    /// The headings above it.
    pub(super) title: String,
    /// The last of these, as the end of a link to it.
    anchor: String,
    settings: Vec<(&'static str, Template<'static>)>,
    /// Whether its tokens are signed with a secret, and where that comes from.
    pub(super) secret: Option<Origin>,
}

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It can be a new one.
    New,
    /// The application or the provider has one already.
    Existing,
}

impl Recipe {
    /// The section of the documentation.
    pub(super) fn link(&self) -> String {
        format!("docs/authentication.md#{}", self.anchor)
    }

    /// The placeholders that need a value, in the recipe's order.
    pub(super) fn placeholders(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.settings.iter().flat_map(|(_, template)| template.placeholders()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// A value for a placeholder as it was typed or pasted, also within an address.
    ///
    /// # Errors
    /// What is expected.
    pub(super) fn clean(&self, placeholder: &str, typed: &str) -> Result<String, String> {
        if typed.trim().is_empty() && is_optional(placeholder) {
            return Ok(String::new());
        }
        let templates: Vec<_> = self.settings.iter().map(|(_, template)| template).collect();
        super::template::clean(&templates, placeholder, typed)
    }

    /// The values of the placeholders in settings that this recipe may have made.
    pub(super) fn answers_in(&self, values: &Values) -> BTreeMap<String, String> {
        let has_secret = ["JWT_SECRET", "JWT_SECRET_ARN"].iter().any(|name| values.get(name).is_some());
        if self.secret.is_some() != has_secret {
            return BTreeMap::new();
        }
        let found = self.settings.iter().map(|(name, template)| template.find(values.get(name)?));
        // A setting that another recipe has made says nothing.
        found.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter().flatten().collect()
    }

    /// The settings, without the secret. `origins` are those of the site's pages.
    pub(super) fn fill(&self, answers: &BTreeMap<String, String>, origins: &str) -> Values {
        let filled = self.settings.iter().map(|(name, template)| ((*name).to_owned(), template.fill(answers, origins)));
        Values::of(filled)
    }
}

/// All recipes, in the page's order.
pub(super) fn all() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    let (mut section, mut part) = ("", "");
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            (section, part) = (heading, "");
        } else if let Some(heading) = line.strip_prefix("### ") {
            part = heading;
        } else if let Some(name) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->")) {
            let block = lines.by_ref().skip(1).take_while(|line| *line != "```");
            recipes.push(read(name, section, part, block));
        }
    }
    recipes
}

fn read(name: &'static str, section: &str, part: &str, block: impl Iterator<Item = &'static str>) -> Recipe {
    let title = if part.is_empty() { section.to_owned() } else { format!("{section}: {part}") };
    let anchor = anchor(if part.is_empty() { section } else { part });
    let mut recipe = Recipe { name, title, anchor, settings: Vec::new(), secret: None };
    for line in block {
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
        match name {
            // A question of its own.
            "ALLOWED_ORIGINS" => {}
            "JWT_SECRET" => recipe.secret = Some(if value == "YOUR_SECRET" { Origin::New } else { Origin::Existing }),
            _ => recipe.settings.push((name, Template::of(value))),
        }
    }
    recipe
}

/// The end of a link to a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// What a placeholder stands for.
pub(super) fn explain(placeholder: &str) -> &'static str {
    match placeholder {
        "YOUR_DOMAIN" => "The domain that your pages log in at, such as example.eu.auth0.com",
        "YOUR_API_IDENTIFIER" => "The identifier of your API at the provider, such as https://livechat.example.com",
        "YOUR_TENANT_ID" => "The id of the directory (tenant): a UUID",
        "YOUR_SECOND_TENANT_ID" => "The id of a second tenant whose users may call; empty without one",
        "YOUR_API_CLIENT_ID" => "The application (client) id of the API's registration: a UUID",
        "YOUR_SUBDOMAIN" => "The tenant's name, before .ciamlogin.com",
        "YOUR_NAME" => "The tenant's name, before .onmicrosoft.com",
        "YOUR_USER_FLOW" => "The user flow, such as B2C_1_signin",
        "YOUR_REGION" => "The user pool's region, such as eu-central-1",
        "YOUR_USER_POOL_ID" => "The user pool's id, such as eu-central-1_AbCdEfGhI",
        "YOUR_APP_CLIENT_ID" => "The id of the app client that your pages log in with",
        "YOUR_PROJECT_ID" => "The project's id, in the project settings",
        "YOUR_CLIENT_ID" => "The client id of the application that your pages log in with",
        "YOUR_FRONTEND_API" => "The Frontend API's address, such as clerk.example.com",
        "YOUR_PROJECT" => "The project's reference: the part before .supabase.co in its address",
        "YOUR_KEYCLOAK" => "The address of Keycloak, such as login.example.com. Old versions: with /auth at its end",
        "YOUR_REALM" => "The name of the realm",
        "YOUR_OKTA_DOMAIN" => "The Okta domain, such as example.okta.com",
        "YOUR_HYDRA" => "The public address of Hydra",
        "YOUR_KRATOS" => "The public address of Kratos",
        "YOUR_AUDIENCE" => "The audience (aud) of your tokens, which stands for this service",
        "YOUR_ENDPOINT" => "Logto's endpoint, such as example.logto.app",
        "YOUR_TEAM" => "The team's name, before .cloudflareaccess.com",
        "YOUR_APPLICATION_AUDIENCE_TAG" => "The Application Audience (AUD) Tag of the Access application",
        "YOUR_FUSIONAUTH" => "The address of FusionAuth",
        "YOUR_ISSUER" => "The issuer, exactly as the iss of your tokens",
        "YOUR_APPLICATION_ID" => "The application's id",
        "YOUR_SITE" => "The address of your site, which has its own server",
        "YOUR_USER_CLAIM" => "The claim of your tokens with the user's id. It must never change",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::template::SECOND_SITE, *};
    use cip::settings::AuthSettings;

    #[test]
    fn each_recipe_of_the_page_is_read_and_each_of_its_placeholders_is_explained() {
        let all = all();
        assert_eq!(all.len(), PAGE.matches(MARK).count());
        assert!(all.len() > 20);
        for recipe in &all {
            assert!(!recipe.title.starts_with(':') && !recipe.anchor.is_empty(), "{}", recipe.name);
            for placeholder in recipe.placeholders() {
                assert!(!explain(placeholder).is_empty(), "{}: {placeholder} has no explanation", recipe.name);
            }
        }
        let title = |name: &str| all.iter().find(|recipe| recipe.name == name).map(|recipe| recipe.title.as_str());
        assert_eq!(title("auth0"), Some("Auth0"));
        assert_eq!(title("entra-v1"), Some("Microsoft Entra ID: One tenant, v1 tokens"));
        assert_eq!(all.iter().filter(|recipe| recipe.secret == Some(Origin::New)).count(), 2);
    }

    #[test]
    fn a_filled_recipe_is_valid_and_its_answers_are_found_in_it() {
        for recipe in all() {
            let answers: BTreeMap<_, _> = recipe
                .placeholders()
                .into_iter()
                .enumerate()
                .map(|(number, name)| (name.to_owned(), recipe.clean(name, &format!("x{number}.example")).expect(name)))
                .collect();
            let mut values = recipe.fill(&answers, "https://a.example,https://b.example");
            for (name, value) in values.iter() {
                assert!(!value.contains("YOUR_") && !value.contains("example.com"), "{}: {name}={value}", recipe.name);
            }
            if recipe.secret.is_some() {
                values.set("JWT_SECRET", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAx");
            }
            assert_eq!(recipe.answers_in(&values), answers, "{}", recipe.name);
            values.set("ALLOWED_ORIGINS", "https://a.example");
            AuthSettings::from_lookup(&values.lookup()).unwrap_or_else(|error| panic!("{}: {error}", recipe.name));
        }
    }

    #[test]
    fn clerks_tokens_name_each_of_the_sites_origins() {
        let all = all();
        let clerk = all.iter().find(|recipe| recipe.name == "clerk").expect("there");
        assert!(PAGE.contains(SECOND_SITE));
        let values = clerk.fill(&BTreeMap::new(), "https://a.example,https://b.example");
        assert_eq!(values.get("JWT_REQUIRED_CLAIMS"), Some("azp=https://a.example,azp=https://b.example"));
    }

    #[test]
    fn a_second_tenant_is_optional() {
        let all = all();
        let entra = all.iter().find(|recipe| recipe.name == "entra-multi-tenant").expect("there");
        let answers = [("YOUR_TENANT_ID", "one"), ("YOUR_SECOND_TENANT_ID", ""), ("YOUR_API_CLIENT_ID", "api")];
        let answers = answers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let values = entra.fill(&answers, "");
        assert_eq!(values.get("JWT_REQUIRED_CLAIMS"), Some("tid=one,scp=access_as_user"));
    }
}
