//! `[guard]`: how much weight may change hands unseen.

use crate::subnet::guard::Limits;

use super::reader::Reader;

/// The limits, or `None` if the guard was switched off.
pub(super) fn read(reader: &mut Reader) -> Option<Limits> {
    let default = Limits::default();
    let mut permille = |key, default| reader.integer(key, default, 0..=1000);
    let limits = Limits {
        moved_permille_max: permille("guard.moved-permille-max", default.moved_permille_max),
        zeroed_permille_max: permille("guard.zeroed-permille-max", default.zeroed_permille_max),
        share_permille_max: permille("guard.share-permille-max", default.share_permille_max),
        fewer_permille_max: permille("guard.fewer-permille-max", default.fewer_permille_max),
        miners_min: reader.integer("guard.miners-min", default.miners_min, 0..=65_536),
        hold_epochs_max: reader.integer("guard.hold-epochs-max", default.hold_epochs_max, 0..=1000),
    };
    reader.flag("guard.enabled", true).then_some(limits)
}
