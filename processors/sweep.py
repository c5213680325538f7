"""One event id in two places: the same (source, event_id) under another customer or month (DOMAIN §2, Identity).

Both are taken, since each is an identity of its own; but one publisher's id should name one event. Looked for now and then
over all ids at once, not on the way in, and told once an id.
"""

from collections.abc import Container, Iterator

from events.decisions import IntegrityAlerted
from events.fields import CustomerRecord
from processors.archive import Archive
from processors.ports import IdIndex


def sweep(ids: IdIndex, archive: Archive, known: Container[str]) -> Iterator[IntegrityAlerted]:
    """An alert for each id that stands in more than one place and is not among the known ones, the places named."""
    for _, positions in ids.shared_keys():
        places: dict[tuple[str, str], list[str]] = {}
        for position in positions:
            record = archive.line(position)
            if isinstance(record, CustomerRecord):
                place = f"{record.customer_id} {record.occurred_at[:7]}"
                found = places.setdefault((record.source, record.event_id), [])
                if place not in found:
                    found.append(place)
        for (source, event_id), found in places.items():
            if len(found) > 1 and f"{source} {event_id}" not in known:
                yield IntegrityAlerted(
                    kind="id_in_two_places",
                    source=source,
                    event_id=event_id,
                    expected=found[0],
                    actual=", ".join(found[1:]),
                )
