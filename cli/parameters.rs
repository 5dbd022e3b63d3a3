//! The names of the template's parameters.

/// The parameter that the template gives to the functions as this variable: `JwtJwksUrl` for `JWT_JWKS_URL`.
pub(crate) fn of_variable(name: &str) -> String {
    if name == "RUST_LOG" {
        return "LogLevel".into();
    }
    let words = name.split('_').map(|word| match word {
        "LIVECHAT" => "LiveChat".into(),
        word => {
            let (first, rest) = word.split_at(1.min(word.len()));
            format!("{first}{}", rest.to_ascii_lowercase())
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cip::settings::NAMES;

    /// The lines of the template that give a parameter to the functions as it is.
    #[test]
    fn each_parameter_of_the_template_is_found_by_its_variable() {
        let template = include_str!("../template.yaml");
        let mut number = 0;
        for line in template.lines() {
            let Some((name, value)) = line.trim().split_once(": !") else { continue };
            if !NAMES.contains(&name) || name == "TABLE_NAME" {
                continue;
            }
            let given = value.split(['!', ' ', ',', ']']).skip_while(|word| *word != "Ref").nth(1);
            if let Some(parameter) = given.filter(|parameter| !parameter.starts_with("AWS::")) {
                assert_eq!(of_variable(name), parameter, "{line}");
                number += 1;
            }
        }
        assert!(number > 25, "{number}");
    }
}
