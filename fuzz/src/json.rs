//! A second parser of JSON (RFC 8259), without the library that the functions use. Numbers keep their digits. Objects keep all members,
//! also several of the same name.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// A string with half of a surrogate pair, which parsers treat differently (section 8.2).
    Half,
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// How often an object has a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Not at all.
    Missing,
    /// Once.
    One(&'a Json),
    /// More than once; the last of them.
    Several(&'a Json),
}

impl Json {
    /// Parses a text; `None` if it is not JSON as a whole.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser(text);
        let value = parser.value()?;
        parser.blank();
        parser.0.is_empty().then_some(value)
    }

    /// The member of an object.
    pub fn member(&self, name: &str) -> Found<'_> {
        let Self::Object(members) = self else { return Found::Missing };
        let mut found = members.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        match (found.next(), found.next_back()) {
            (None, _) => Found::Missing,
            (Some(value), None) => Found::One(value),
            (Some(_), Some(last)) => Found::Several(last),
        }
    }

    /// Whether it is an object with two members of the same name. Nested objects are ignored.
    pub fn has_twins(&self) -> bool {
        let Self::Object(members) = self else { return false };
        members.iter().enumerate().any(|(nth, (name, _))| members[..nth].iter().any(|(other, _)| other == name))
    }

    /// This value and all values inside it, each with its depth.
    pub fn all(&self) -> Vec<(usize, &Self)> {
        let (mut all, mut next) = (Vec::new(), vec![(0, self)]);
        while let Some((depth, value)) = next.pop() {
            all.push((depth, value));
            match value {
                Self::List(values) => next.extend(values.iter().map(|value| (depth + 1, value))),
                Self::Object(members) => next.extend(members.iter().map(|(_, value)| (depth + 1, value))),
                _ => {}
            }
        }
        all
    }

    /// The value as text. In strings, each character whose bit is set is written as an escape.
    pub fn text(&self, escaped: u64) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Half => "\"\\ud800\"".into(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(digits) => digits.clone(),
            Self::Text(text) => quoted(text, escaped),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(|value| value.text(escaped)).collect();
                format!("[{}]", values.join(","))
            }
            Self::Object(members) => {
                let member =
                    |(name, value): &(String, Self)| format!("{}:{}", quoted(name, escaped), value.text(escaped));
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn quoted(text: &str, escaped: u64) -> String {
    let mut quoted = String::from('"');
    for (nth, char) in text.chars().enumerate() {
        if matches!(char, '"' | '\\' | '\0'..='\x1f') || escaped >> (nth % 64) & 1 == 1 {
            let mut units = [0; 2];
            quoted.extend(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            quoted.push(char);
        }
    }
    quoted.push('"');
    quoted
}

struct Parser<'a>(&'a str);

impl Parser<'_> {
    fn blank(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Json> {
        self.blank();
        match self.0.as_bytes().first()? {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            _ if self.take("null") => Some(Json::Null),
            _ if self.take("true") => Some(Json::Bool(true)),
            _ if self.take("false") => Some(Json::Bool(false)),
            _ => None,
        }
    }

    fn object(&mut self) -> Option<Json> {
        let mut members = Vec::new();
        self.separated("{", "}", |parser| {
            parser.blank();
            let name = parser.string()?;
            parser.blank();
            let value = if parser.take(":") { parser.value()? } else { return None };
            members.push(match name {
                Json::Text(name) => (name, value),
                _ => ("\u{fffd}".into(), Json::Half),
            });
            Some(())
        })?;
        Some(Json::Object(members))
    }

    fn list(&mut self) -> Option<Json> {
        let mut values = Vec::new();
        self.separated("[", "]", |parser| {
            values.push(parser.value()?);
            Some(())
        })?;
        Some(Json::List(values))
    }

    fn separated(&mut self, begin: &str, end: &str, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(begin);
        self.blank();
        if self.take(end) {
            return Some(());
        }
        loop {
            one(self)?;
            self.blank();
            if self.take(end) {
                return Some(());
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<Json> {
        if !self.take("\"") {
            return None;
        }
        // In UTF-16, because escapes are UTF-16 code units.
        let mut units = Vec::new();
        loop {
            let char = self.0.chars().next()?;
            self.0 = &self.0[char.len_utf8()..];
            match char {
                '"' => return Some(String::from_utf16(&units).map_or(Json::Half, Json::Text)),
                '\\' => units.push(self.escape()?),
                '\0'..='\x1f' => return None,
                _ => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let char = self.0.chars().next()?;
        self.0 = &self.0[char.len_utf8()..];
        Some(match char {
            '"' => 0x22,
            '\\' => 0x5c,
            '/' => 0x2f,
            'b' => 8,
            'f' => 0xc,
            'n' => 0xa,
            'r' => 0xd,
            't' => 9,
            'u' => return self.unit(),
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.0.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.0 = &self.0[4..];
        u16::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<String> {
        let all = self.0;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            self.digits()?;
        }
        Some(all[..all.len() - self.0.len()].to_owned())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.0.trim_start_matches(|char: char| char.is_ascii_digit());
        let is_some = rest.len() < self.0.len();
        self.0 = rest;
        is_some.then_some(())
    }
}
