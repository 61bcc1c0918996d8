//! Money is an integer number of hundredths of the currency's unit, whatever the currency. In JSON it is a decimal number, which is
//! parsed digit by digit and never converted to a floating-point number.
//!
//! **Currencies.** A payment provider wants an integer number of the currency's own minor units: 1,000 yen are 1000 (the yen has
//! none), 10.00 dollars are 1000 cents, and 1.00 Kuwaiti dinar is 1000 fils. [`Money::in_minor_units`] converts, with the exponent of
//! ISO 4217. The amount of a line is a whole number of minor units, except that currencies with three decimals are rounded to
//! hundredths too.
//!
//! **Fractions of a cent.** A catalogue price is in thousandths of the currency's unit, as is usual in price lists of goods that
//! are sold in large numbers. PROD-123 costs 99.995, so two of them cost exactly 199.99. The amount of a line is price × quantity,
//! rounded once to the cent (or to the yen), half to even; one PROD-123 costs 100.00.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A number that is not a valid amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a decimal number from 0 to 1000000000 with at most {decimals} decimals")]
pub struct InvalidMoney {
    decimals: u32,
}

/// An amount in hundredths of the currency's unit, from 0 to 10^11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = f64, minimum = 0, maximum = 1_000_000_000, example = 199.99)]
pub struct Money(i64);

/// The price of one unit of a product in thousandths of the currency's unit, from 0 to 10^12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = f64, minimum = 0, maximum = 1_000_000_000, example = 99.995)]
pub struct UnitPrice(i64);

impl Money {
    const DECIMALS: u32 = 2;

    /// An amount in hundredths of the currency's unit, which is how amounts are stored.
    ///
    /// # Errors
    /// Outside the range from 0 to 10^11.
    pub fn from_minor(minor: i64) -> Result<Self, InvalidMoney> {
        in_range(minor, Self::DECIMALS).map(Self)
    }

    /// The amount in hundredths of the currency's unit.
    pub fn minor(self) -> i64 {
        self.0
    }

    /// The amount in the currency's own minor units.
    ///
    /// # Errors
    /// The currency has no such fractions: half a yen, for example.
    pub fn in_minor_units(self, currency: &Currency) -> Result<i64, InvalidMoney> {
        let decimals = currency.decimals();
        let mut exact = Decimal::new(self.0, Self::DECIMALS).normalize();
        if exact.scale() > decimals {
            return Err(InvalidMoney { decimals });
        }
        exact.rescale(decimals);
        i64::try_from(exact.mantissa()).map_err(|_| InvalidMoney { decimals })
    }

    /// An amount in the currency's own minor units.
    ///
    /// # Errors
    /// Out of range, or not a whole number of hundredths.
    pub fn from_minor_units(minor: i64, currency: &Currency) -> Result<Self, InvalidMoney> {
        units(Decimal::new(minor, currency.decimals()), Self::DECIMALS).map(Self)
    }

    /// The sum of the amounts of an order's lines.
    ///
    /// # Errors
    /// The sum is out of range.
    pub fn sum(amounts: impl IntoIterator<Item = Money>) -> Result<Self, InvalidMoney> {
        let add = |sum: Money, next: Money| Self::from_minor(sum.0 + next.0);
        amounts.into_iter().try_fold(Self(0), add)
    }
}

impl UnitPrice {
    const DECIMALS: u32 = 3;

    /// A price in thousandths.
    ///
    /// # Errors
    /// Outside the range from 0 to 10^12.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidMoney> {
        in_range(millis, Self::DECIMALS).map(Self)
    }

    /// The price in thousandths.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The price of `quantity` units, rounded to the currency's minor unit (at most to hundredths), half to even.
    ///
    /// # Errors
    /// The amount is out of range.
    pub fn times(self, quantity: u32, currency: &Currency) -> Result<Money, InvalidMoney> {
        let out_of_range = InvalidMoney { decimals: Money::DECIMALS };
        let exact = Decimal::new(self.0, Self::DECIMALS).checked_mul(quantity.into());
        let decimals = currency.decimals().min(Money::DECIMALS);
        let rounded =
            exact.ok_or(out_of_range)?.round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven);
        units(rounded, Money::DECIMALS).map(Money)
    }
}

fn in_range(units: i64, decimals: u32) -> Result<i64, InvalidMoney> {
    let most = 1_000_000_000 * 10_i64.pow(decimals);
    (0..=most).contains(&units).then_some(units).ok_or(InvalidMoney { decimals })
}

/// An exact decimal as a number of units of 10^-`decimals`; an error if it has more decimals or is out of range.
fn units(mut exact: Decimal, decimals: u32) -> Result<i64, InvalidMoney> {
    exact.normalize_assign();
    if exact.scale() > decimals {
        return Err(InvalidMoney { decimals });
    }
    exact.rescale(decimals);
    let units = i64::try_from(exact.mantissa()).map_err(|_| InvalidMoney { decimals })?;
    in_range(units, decimals)
}

/// Parsing, formatting and (de)serialization. They differ between the two types only in the number of decimals.
macro_rules! decimal_number {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = InvalidMoney;

            fn from_str(text: &str) -> Result<Self, InvalidMoney> {
                let invalid = InvalidMoney { decimals: Self::DECIMALS };
                let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
                units(exact.map_err(|_| invalid)?, Self::DECIMALS).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Decimal::new(self.0, Self::DECIMALS).fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let number = Box::<RawValue>::deserialize(from)?;
                number.get().parse().map_err(D::Error::custom)
            }
        }
    };
}

decimal_number!(Money);
decimal_number!(UnitPrice);

/// A currency by its ISO 4217 code. Codes of funds (USN), metals (XAU) and of no currency (XXX) are refused. The list is that of
/// the crate `iso_currency`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
pub struct Currency(String);

impl Currency {
    /// The number of decimals of its minor unit: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(&self) -> u32 {
        // Every currency that is money has an exponent.
        iso(&self.0).and_then(iso_currency::Currency::exponent).map_or(2, u32::from)
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        iso(&code).map(|_| Self(code)).ok_or("currency must be the ISO 4217 code of a currency, such as USD")
    }
}

/// The currency with a code, if it is money that can be paid with. One that was superseded is, because orders in it are stored.
fn iso(code: &str) -> Option<iso_currency::Currency> {
    let currency = iso_currency::Currency::from_code(code).filter(|currency| currency.code() == code)?;
    let is_money = !currency.is_fund() && !currency.is_special() && currency.exponent().is_some();
    is_money.then_some(currency)
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amount_of_a_line_is_rounded_once_to_the_cent() {
        let price = UnitPrice::from_millis(99_995).unwrap();
        assert_eq!(price.times(2, &currency("USD")).unwrap().to_string(), "199.99");
        assert_eq!(price.times(1, &currency("USD")).unwrap().to_string(), "100.00");
        assert_eq!(price.times(1, &currency("JPY")).unwrap().to_string(), "100.00");
        assert_eq!(price.times(3, &currency("JPY")).unwrap().to_string(), "300.00");
        assert_eq!(price.times(3, &currency("KWD")).unwrap().to_string(), "299.98", "to hundredths");
    }

    fn currency(code: &str) -> Currency {
        code.to_owned().try_into().unwrap()
    }

    #[test]
    fn amount_is_charged_in_the_minor_units_of_its_currency() {
        for (code, amount, minor) in [("USD", "10.00", 1_000), ("JPY", "1000", 1_000), ("KWD", "1.23", 1_230)] {
            let money: Money = amount.parse().unwrap();
            assert_eq!(money.in_minor_units(&currency(code)), Ok(minor), "{code}");
            assert_eq!(Money::from_minor_units(minor, &currency(code)), Ok(money), "{code}");
        }
        assert!("0.5".parse::<Money>().unwrap().in_minor_units(&currency("JPY")).is_err(), "half a yen");
        assert!(Money::from_minor_units(1_235, &currency("KWD")).is_err());
    }

    #[test]
    fn code_that_is_no_money_is_refused() {
        for bad in ["", "usd", "US", "USDD", "ABC", "XXX", "XAU", "XTS", "USN", "CLF"] {
            assert!(Currency::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_number_is_parsed_without_floating_point() {
        let cents = |text: &str| serde_json::from_str::<Money>(text).map(Money::minor).ok();
        assert_eq!(cents("199.99"), Some(19_999));
        assert_eq!(cents("199.9900"), Some(19_999));
        assert_eq!(cents("1.9e2"), Some(19_000));
        assert_eq!(cents("0"), Some(0));
        for bad in ["199.990000000000000001", "-0.01", "\"1\"", "1e99", "null", "1000000000.01", "[]"] {
            assert_eq!(cents(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn amount_survives_a_json_round_trip(minor in 0..=100_000_000_000_i64) {
            let money = Money::from_minor(minor).unwrap();
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn amount_of_a_line_is_within_half_a_cent_of_the_exact_product(millis in 0..1_000_000_000_i64, quantity in 1..1_000_u32) {
            let cents = UnitPrice::from_millis(millis).unwrap().times(quantity, &currency("USD"));
            let exact_millis = i128::from(millis) * i128::from(quantity);
            match cents {
                Ok(money) => prop_assert!((i128::from(money.minor()) * 10 - exact_millis).abs() <= 5),
                Err(_) => prop_assert!(exact_millis > 1_000_000_000_000),
            }
        }

        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
            let _ = serde_json::from_str::<UnitPrice>(&text);
        }
    }
}
