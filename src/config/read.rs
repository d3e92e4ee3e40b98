//! Reads RON text into a [`Node`]: a walk that keeps where everything stands.
//!
//! What it lets pass RON reads again; what it refuses has a place. It is stricter than RON in one
//! point: control characters are damage wherever they stand, in a comment, too.

mod tokens;

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use super::tree::{Field, Layer, Node, Origin, Place, Value};

/// Deeper nesting is no settings file.
const DEEPEST: usize = 32;

/// Text that is not RON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub line: usize,
    pub column: usize,
    pub reason: String,
}

/// Reads a site file.
pub(super) fn read(text: &str) -> Result<Node, Syntax> {
    read_as(text, Layer::SiteFile, None)
}

/// Reads a value that somebody said; `named` is where, if it is not a place in this text.
pub(super) fn read_as(text: &str, layer: Layer, named: Option<&Arc<str>>) -> Result<Node, Syntax> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        line: 1,
        column: 1,
        layer,
        named,
    };
    reader.no_damage()?;
    reader.attributes()?;
    let node = reader.value(0)?;
    reader.blank()?;
    match reader.peek() {
        None => Ok(node),
        Some(c) => Err(reader.wrong(format!(
            "{} follows after the end of the settings; a bracket closes too early, or this is too much",
            shown(c)
        ))),
    }
}

/// A text in quotes, on one line.
pub(super) fn quoted(text: &str) -> String {
    // A text can always be written.
    ron::to_string(text).unwrap_or_default()
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    column: usize,
    layer: Layer,
    named: Option<&'a Arc<str>>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    /// The character after the next one.
    fn peek_second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn wrong(&self, reason: impl Into<String>) -> Syntax {
        Syntax {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }

    fn here(&self) -> Origin {
        Origin {
            layer: self.layer,
            place: match self.named {
                Some(name) => Place::Named(Arc::clone(name)),
                None => Place::At {
                    line: self.line,
                    column: self.column,
                },
            },
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Syntax> {
        self.blank()?;
        if depth > DEEPEST {
            return Err(self.wrong("brackets within brackets without end; no setting is that deep"));
        }
        let origin = self.here();
        let value = match self.peek() {
            None => return Err(self.wrong("the text ends where a value should be")),
            Some('(') => self.parentheses(String::new(), depth)?,
            Some('[') => Value::Items {
                name: String::new(),
                open: '[',
                items: self.list(depth)?,
            },
            Some('{') => Value::Pairs(self.map(depth)?),
            Some('"') => Value::Plain(self.text()?),
            Some('\'') => Value::Plain(self.character()?),
            Some('r') if matches!(self.peek_second(), Some('"' | '#')) => Value::Plain(self.raw_text()?),
            Some(c) if is_word(c) => {
                let word = self.word();
                let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
                if is_name {
                    self.blank()?;
                }
                if is_name && self.peek() == Some('(') {
                    let inside = self.parentheses(word.clone(), depth)?;
                    if word == "Some" {
                        return self.some(inside, origin);
                    }
                    inside
                } else {
                    Value::Plain(word)
                }
            }
            Some(c) => return Err(self.wrong(format!("{} is no value", shown(c)))),
        };
        Ok(Node { origin, value })
    }

    /// `Some(x)` means `x`.
    fn some(&self, inside: Value, origin: Origin) -> Result<Node, Syntax> {
        if let Value::Items { mut items, .. } = inside
            && let (Some(item), true) = (items.pop(), items.is_empty())
        {
            return Ok(item);
        }
        let (line, column) = match origin.place {
            Place::At { line, column } => (line, column),
            _ => (self.line, self.column),
        };
        Err(Syntax {
            line,
            column,
            reason: "`Some( )` holds exactly one value; or write the value alone".to_owned(),
        })
    }

    /// What is between `(` and `)`: fields, or items.
    fn parentheses(&mut self, name: String, depth: usize) -> Result<Value, Syntax> {
        let open = (self.line, self.column);
        self.bump();
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        loop {
            self.blank()?;
            if self.peek() == Some(')') {
                self.bump();
                break;
            }
            let origin = self.here();
            let place = self.wrong("");
            let node = self.value(depth + 1)?;
            self.blank()?;
            if self.peek() == Some(':') {
                let Value::Plain(key) = node.value else {
                    return Err(self.wrong("`:` is expected only after a key"));
                };
                let key = key.strip_prefix("r#").map_or(key.clone(), str::to_owned);
                if !key.starts_with(|c: char| c.is_alphabetic() || c == '_') || !items.is_empty() {
                    return Err(Syntax {
                        reason: format!("`{key}` can be no key here"),
                        ..place
                    });
                }
                self.bump();
                fields.push(Field {
                    key,
                    key_origin: origin,
                    node: self.value(depth + 1)?,
                });
            } else if fields.is_empty() {
                items.push(node);
            } else {
                return Err(self.missing("`:` and a value", ')', open));
            }
            self.separator(')', open)?;
        }
        Ok(if items.is_empty() {
            Value::Fields { name, fields }
        } else {
            Value::Items {
                name,
                open: '(',
                items,
            }
        })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Syntax> {
        let open = (self.line, self.column);
        self.bump();
        let mut items = Vec::new();
        loop {
            self.blank()?;
            if self.peek() == Some(']') {
                self.bump();
                return Ok(items);
            }
            items.push(self.value(depth + 1)?);
            self.separator(']', open)?;
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Syntax> {
        let open = (self.line, self.column);
        self.bump();
        let mut pairs = Vec::new();
        loop {
            self.blank()?;
            if self.peek() == Some('}') {
                self.bump();
                return Ok(pairs);
            }
            let key = self.value(depth + 1)?;
            self.blank()?;
            if self.peek() != Some(':') {
                return Err(self.missing("`:` and a value", '}', open));
            }
            self.bump();
            pairs.push((key, self.value(depth + 1)?));
            self.separator('}', open)?;
        }
    }

    /// A comma, or the end of the brackets, which is left.
    fn separator(&mut self, close: char, open: (usize, usize)) -> Result<(), Syntax> {
        self.blank()?;
        match self.peek() {
            Some(',') => {
                self.bump();
                Ok(())
            }
            Some(c) if c == close => Ok(()),
            _ => Err(self.missing(&format!("a comma or `{close}`"), close, open)),
        }
    }

    fn missing(&mut self, what: &str, close: char, (line, column): (usize, usize)) -> Syntax {
        match self.peek() {
            Some(c) => self.wrong(format!("{what} is missing before {}", shown(c))),
            None => self.wrong(format!(
                "the text ends, but the bracket of line {line}, column {column} is not closed with `{close}`"
            )),
        }
    }
}

/// What a number, a word or a key is made of.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_.+-".contains(c)
}

/// A character in a message, visible whatever it is.
fn shown(c: char) -> String {
    if c.is_control() || c.is_whitespace() {
        format!("the character U+{:04X}", u32::from(c))
    } else {
        format!("`{c}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_place_and_are_written_on_one_line() {
        let text = "// first\n(\n  a: 1.5e-3, /* é /* deep */ */ b: \"two\\nlines\",\n  c: Some(drop(d: [1, (2, 3)])),\n  \
                    e: r#\"a\"b\"#, f: {\"x\": 'y'}, g: (),\n)";
        let node = read(text).unwrap();
        assert_eq!(
            node.to_string(),
            r#"(a: 1.5e-3, b: "two\nlines", c: drop(d: [1, (2, 3)]), e: "a\"b", f: {"x": 'y'}, g: ())"#
        );
        let place = |path: &str| node.at(path).unwrap().origin.show(None);
        assert_eq!(
            (place("a"), place("b"), place("c")),
            ("3:6".into(), "3:36".into(), "4:11".into())
        );
        // What was printed is read the same.
        let again = read(&node.print().text).unwrap();
        assert_eq!(again.to_string(), node.to_string());
        assert_eq!(node.print().lines.len(), node.print().text.lines().count());
    }

    #[test]
    fn what_is_not_ron_is_refused_with_its_place() {
        for (text, line, column, word) in [
            ("", 1, 1, "ends"),
            ("\n  ", 2, 3, "ends"),
            ("(\n a: 1", 2, 6, "line 1, column 1"),
            ("(a: 1))", 1, 7, "follows"),
            ("(a: 1 b: 2)", 1, 7, "comma"),
            ("(a: )", 1, 5, "no value"),
            ("(a 1)", 1, 4, "comma"),
            ("(a: 1, 2)", 1, 9, "`:`"),
            ("(1: 2)", 1, 2, "no key"),
            ("(a: \"x)", 1, 5, "closing"),
            ("(a: \"\\q\")", 1, 5, "cannot be read"),
            ("(a: r#\"x\")", 1, 5, "no end"),
            ("(a: 'xy')", 1, 5, "character"),
            ("(/* a: 1)", 1, 2, "no end"),
            ("(a: /)", 1, 5, "comment"),
            ("#![enable(unwrap_newtypes)]\n()", 1, 1, "implicit_some"),
            ("(a: Some(1, 2))", 1, 5, "exactly one"),
            ("(a: \0)", 1, 5, "U+0000"),
            ("( // \0\0\n a: 1)", 1, 6, "damaged"),
        ] {
            let e = read(text).unwrap_err();
            assert!(
                (e.line, e.column) == (line, column) && e.reason.contains(word),
                "{text:?}: {e:?}"
            );
        }
        assert!(read(&"(".repeat(100_000)).unwrap_err().reason.contains("deep"));
        assert!(read("#![enable(implicit_some)]\n(a: 1)").is_ok());
    }
}
