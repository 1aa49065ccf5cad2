//! What archives may cost, as the user gives it.

use rdpscan::input::Limits;

/// Limits on archives, each counted in what really comes out. What a limit leaves out is named in the report.
#[derive(Clone, Copy, Debug, clap::Args)]
#[allow(clippy::struct_field_names, reason = "the names are those of the options")]
#[command(next_help_heading = "Archives")]
pub struct Unpacking {
    /// Unpack at most this much of one member.
    #[arg(long, value_name = "GIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub max_member: u32,

    /// Unpack at most this much in all.
    #[arg(long, value_name = "GIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub max_total: u32,

    /// Unpack of one member at most N times the size of the file (and always 256 MiB), of all of them eight times that.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_ratio: u32,

    /// Look at most at N members.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_members: u32,

    /// Open archives inside of archives, N in all.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub max_depth: u32,
}

impl From<Unpacking> for Limits {
    fn from(args: Unpacking) -> Self {
        Self {
            member: u64::from(args.max_member) << 30,
            total: u64::from(args.max_total) << 30,
            ratio: args.max_ratio.into(),
            members: args.max_members.into(),
            depth: args.max_depth,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        unpacking: Unpacking,
    }

    #[test]
    fn the_limits_are_those_of_the_library() {
        assert_eq!(Limits::from(Alone::parse_from(["rdpscan"]).unpacking), Limits::default());
    }
}
