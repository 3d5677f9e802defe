//! Which adapter is used.

use std::fmt;

use crate::AdapterInfo;

/// Which adapter to open.
///
/// ```
/// use atrous_gpu::AdapterChoice;
///
/// assert_eq!(AdapterChoice::parse("auto"), AdapterChoice::Auto);
/// assert_eq!(AdapterChoice::parse("1"), AdapterChoice::Index(1));
/// assert_eq!(AdapterChoice::parse("RTX"), AdapterChoice::Name("RTX".to_owned()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The best adapter: discrete before integrated before virtual; a software adapter only if there is no other.
    #[default]
    Auto,
    /// The best adapter with this text in its name or driver; upper and lower case are the same.
    Name(String),
    /// The adapter of this index in [`adapters`](crate::adapters).
    Index(usize),
    /// A software adapter, such as Mesa's lavapipe.
    Software,
}

impl AdapterChoice {
    /// The choice in the environment variable `ATROUS_ADAPTER`: `software`, an index, or a part of a name; [`Self::Auto`] if it is not
    /// set.
    pub fn from_env() -> Self {
        Self::parse(&std::env::var_os("ATROUS_ADAPTER").unwrap_or_default().to_string_lossy())
    }

    /// Reads the text that [`Self::from_env`] and command lines take; empty or `auto` is [`Self::Auto`].
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" | "auto" => Self::Auto,
            "software" => Self::Software,
            text => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        }
    }

    /// The position in `infos` of the adapter that is chosen; `None` if none fits.
    pub(crate) fn pick(&self, infos: &[AdapterInfo]) -> Option<usize> {
        let fits = |info: &AdapterInfo| match self {
            Self::Auto => true,
            Self::Name(part) => {
                let part = part.to_lowercase();
                [&info.name, &info.driver].iter().any(|text| text.to_lowercase().contains(&part))
            }
            Self::Index(index) => info.index == Some(*index),
            Self::Software => info.software(),
        };
        (0..infos.len()).filter(|i| fits(&infos[*i])).min_by_key(|i| infos[*i].kind)
    }
}

impl fmt::Display for AdapterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("any adapter"),
            Self::Name(part) => write!(f, "named {part:?}"),
            Self::Index(index) => write!(f, "at index {index}"),
            Self::Software => f.write_str("a software adapter"),
        }
    }
}

#[cfg(test)]
mod tests {
    use atrous_kernels::Limits;

    use super::*;
    use crate::AdapterKind;

    fn info(index: usize, name: &str, kind: AdapterKind) -> AdapterInfo {
        AdapterInfo {
            index: Some(index),
            name: name.to_owned(),
            backend: "vulkan".to_owned(),
            kind,
            driver: "Driver 1".to_owned(),
            id: (0, 0),
            limits: Limits::WEBGPU,
            timestamps: false,
            f16: false,
            cooperative: Vec::new(),
            features: Vec::new(),
        }
    }

    #[test]
    fn discrete_comes_first_and_software_last() {
        let all = [
            info(0, "llvmpipe", AdapterKind::Software),
            info(1, "Iris", AdapterKind::Integrated),
            info(2, "GeForce", AdapterKind::Discrete),
            info(3, "Radeon", AdapterKind::Discrete),
        ];
        assert_eq!(AdapterChoice::Auto.pick(&all), Some(2));
        assert_eq!(AdapterChoice::Auto.pick(&all[..2]), Some(1));
        assert_eq!(AdapterChoice::Auto.pick(&all[..1]), Some(0));
        assert_eq!(AdapterChoice::Software.pick(&all), Some(0));
        assert_eq!(AdapterChoice::Software.pick(&all[1..]), None);
        assert_eq!(AdapterChoice::Name("rade".to_owned()).pick(&all), Some(3));
        assert_eq!(AdapterChoice::Index(1).pick(&all), Some(1));
        assert_eq!(AdapterChoice::Index(4).pick(&all), None);
    }

    #[test]
    fn text_becomes_a_choice() {
        assert_eq!(AdapterChoice::parse(""), AdapterChoice::Auto);
        assert_eq!(AdapterChoice::parse("software"), AdapterChoice::Software);
        assert_eq!(AdapterChoice::parse("1"), AdapterChoice::Index(1));
        assert_eq!(AdapterChoice::parse("RTX 3060"), AdapterChoice::Name("RTX 3060".to_owned()));
    }
}
