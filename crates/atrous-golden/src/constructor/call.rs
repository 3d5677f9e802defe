//! Calls of Python functions with literal arguments, such as `smp.Unet(classes=21, encoder_name='resnet34')`.

use super::error::ConstructorError;

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text in single or double quotes.
    Text(String),
    /// A tuple or list.
    List(Vec<Self>),
}

/// A function's name and arguments. The reader of a call takes out the arguments that it knows; any left at the end are unknown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// Name with dots.
    pub(super) function: String,
    arguments: Vec<(Option<String>, Value)>,
}

impl Call {
    /// Reads a call.
    pub(super) fn parse(text: &str) -> Result<Self, ConstructorError> {
        let mut parser = Parser { rest: text.trim() };
        parser.call().map_err(|reason| ConstructorError::Syntax { text: text.to_owned(), reason })
    }

    /// Names the positional arguments after the function's first parameters.
    pub(super) fn name_positional(&mut self, names: &[&str]) {
        for ((name, _), given) in self.arguments.iter_mut().zip(names) {
            if name.is_none() {
                *name = Some((*given).to_owned());
            }
        }
    }

    /// Takes the argument of this name out; `None` if it was not given.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.arguments.iter().position(|(n, _)| n.as_deref() == Some(name))?;
        Some(self.arguments.remove(at).1)
    }

    /// Takes out a whole number that is not negative.
    pub(super) fn integer(&mut self, name: &str, default: usize) -> Result<usize, ConstructorError> {
        match self.take(name) {
            None => Ok(default),
            Some(value) => self.as_usize(name, &value),
        }
    }

    /// Takes out a truth value.
    pub(super) fn boolean(&mut self, name: &str, default: bool) -> Result<bool, ConstructorError> {
        match self.take(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(other) => Err(self.refuse(name, &other, "True or False")),
        }
    }

    /// Takes out a text.
    pub(super) fn text(&mut self, name: &str, default: &str) -> Result<String, ConstructorError> {
        match self.take(name) {
            None => Ok(default.to_owned()),
            Some(Value::Text(value)) => Ok(value),
            Some(other) => Err(self.refuse(name, &other, "a text")),
        }
    }

    /// Takes out a number.
    pub(super) fn number(&mut self, name: &str, default: f64) -> Result<f64, ConstructorError> {
        match self.take(name) {
            None => Ok(default),
            Some(Value::Float(value)) => Ok(value),
            Some(Value::Integer(value)) => Ok(value as f64),
            Some(other) => Err(self.refuse(name, &other, "a number")),
        }
    }

    /// Takes out a tuple of whole numbers; `None` stands for absence.
    pub(super) fn integers(&mut self, name: &str) -> Result<Option<Vec<usize>>, ConstructorError> {
        match self.take(name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::List(values)) => {
                values.iter().map(|v| self.as_usize(name, v)).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(self.refuse(name, &other, "a tuple of whole numbers")),
        }
    }

    /// Takes out a tuple of `N` whole numbers.
    pub(super) fn array<const N: usize>(
        &mut self,
        name: &str,
        default: [usize; N],
    ) -> Result<[usize; N], ConstructorError> {
        match self.integers(name)? {
            None => Ok(default),
            Some(values) => values
                .try_into()
                .map_err(|v: Vec<usize>| self.unsupported(format!("{name} needs {N} numbers, got {}", v.len()))),
        }
    }

    /// Takes out an argument that must have this value; `default` is the function's default, used if the argument is not given.
    pub(super) fn require(&mut self, name: &str, value: &Value, default: &Value) -> Result<(), ConstructorError> {
        let given = self.take(name).unwrap_or_else(|| default.clone());
        if given == *value { Ok(()) } else { Err(self.refuse(name, &given, &value.to_string())) }
    }

    /// Checks that no argument is left.
    pub(super) fn finish(&self) -> Result<(), ConstructorError> {
        match self.arguments.first() {
            None => Ok(()),
            Some((Some(name), value)) => Err(self.unsupported(format!("argument {name}={value} is not supported"))),
            Some((None, value)) => Err(self.unsupported(format!("argument {value} without a name is not supported"))),
        }
    }

    /// An error of this call.
    pub(super) fn unsupported(&self, reason: String) -> ConstructorError {
        ConstructorError::Unsupported { constructor: self.function.clone(), reason }
    }

    fn as_usize(&self, name: &str, value: &Value) -> Result<usize, ConstructorError> {
        match value {
            Value::Integer(i) if *i >= 0 => Ok(*i as usize),
            other => Err(self.refuse(name, other, "a whole number")),
        }
    }

    fn refuse(&self, name: &str, got: &Value, wanted: &str) -> ConstructorError {
        self.unsupported(format!("{name} must be {wanted}, got {got}"))
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Integer(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(t) => write!(f, "'{t}'"),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_string).collect();
                write!(f, "({})", values.join(", "))
            }
        }
    }
}

/// The rest of the text, not yet read.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn call(&mut self) -> Result<Call, String> {
        let function = self.word()?;
        self.expect('(')?;
        let mut arguments: Vec<(Option<String>, Value)> = Vec::new();
        while !self.accept(')') {
            let argument = self.argument()?;
            if argument.0.is_some() && arguments.iter().any(|(name, _)| *name == argument.0) {
                return Err(format!("argument {} is given twice", argument.0.unwrap_or_default()));
            }
            if argument.0.is_none() && arguments.last().is_some_and(|(name, _)| name.is_some()) {
                return Err(format!("argument {} without a name follows one with a name", argument.1));
            }
            arguments.push(argument);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        if self.rest.is_empty() { Ok(Call { function, arguments }) } else { Err(self.unexpected("the end")) }
    }

    fn argument(&mut self) -> Result<(Option<String>, Value), String> {
        let start = self.rest;
        if let Ok(name) = self.word()
            && self.accept('=')
        {
            return Ok((Some(name), self.value(0)?));
        }
        self.rest = start;
        Ok((None, self.value(0)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        match self.rest.chars().next() {
            _ if depth > 8 => Err("tuples are nested too deeply".to_owned()),
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some('(') => self.list(')', depth),
            Some('[') => self.list(']', depth),
            Some(c) if c.is_ascii_digit() || "+-.".contains(c) => self.number(),
            _ => match self.word()?.as_str() {
                "None" => Ok(Value::None),
                "True" => Ok(Value::Bool(true)),
                "False" => Ok(Value::Bool(false)),
                other => Err(format!("expected a literal, got {other}")),
            },
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Value, String> {
        let (text, rest) = self.rest[1..].split_once(quote).ok_or("a quote is not closed")?;
        if text.contains('\\') {
            return Err(format!("escapes in {quote}{text}{quote} are not read"));
        }
        let value = Value::Text(text.to_owned());
        self.rest = rest.trim_start();
        Ok(value)
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Value, String> {
        self.rest = self.rest[1..].trim_start();
        let mut values = Vec::new();
        while !self.accept(end) {
            values.push(self.value(depth + 1)?);
            if !self.accept(',') {
                self.expect(end)?;
                break;
            }
        }
        Ok(Value::List(values))
    }

    fn number(&mut self) -> Result<Value, String> {
        let length = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
        let (text, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        let value = text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float));
        let value = value.map_err(|_| format!("{text} is not a number"))?;
        self.rest = rest.trim_start();
        Ok(value)
    }

    /// A name, with dots.
    fn word(&mut self) -> Result<String, String> {
        let length = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
        let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(self.unexpected("a name"));
        }
        let word = word.to_owned();
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn accept(&mut self, c: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(c) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.accept(c) { Ok(()) } else { Err(self.unexpected(&format!("{c:?}"))) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found: String = self.rest.chars().take(12).collect();
        format!("expected {wanted}, got {found:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_all_kinds_are_read() {
        let mut call = Call::parse(" a.b( 'x', n=-3, t=(1, 2,), l=[], e=1e-3, s=\"q\", f=False ) ").unwrap();
        assert_eq!(call.function, "a.b");
        call.name_positional(&["first"]);
        assert_eq!(call.text("first", "").unwrap(), "x");
        assert_eq!(call.take("n"), Some(Value::Integer(-3)));
        assert_eq!(call.integers("t").unwrap(), Some(vec![1, 2]));
        assert_eq!(call.integers("l").unwrap(), Some(vec![]));
        assert_eq!(call.number("e", 0.0).unwrap(), 1e-3);
        assert_eq!(call.text("s", "").unwrap(), "q");
        assert!(!call.boolean("f", true).unwrap());
        call.finish().unwrap();
    }

    #[test]
    fn what_is_not_a_call_is_refused() {
        let wrong =
            ["", "f", "f(", "f(a=)", "f(1 2)", "f(x)", "f(a=1) g", "f('x)", "f(a=1, a=2)", "f(a=1, 2)", "f(1..2)"];
        for text in wrong {
            assert!(matches!(Call::parse(text), Err(ConstructorError::Syntax { .. })), "{text}");
        }
    }
}
