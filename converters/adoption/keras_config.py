"""What a Keras file says is in it, read without Keras: nothing of the file runs."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from edgetl.errors import ConversionError

_WAY_OUT = (
    "replace it by Keras' own layers, or save the model with model.export('folder') where its code is at "
    "hand, and give that SavedModel"
)
_MAX_CONFIG_BYTES = 64_000_000
"""A larger description is refused unread; EfficientNet-B7 has one of 1 MB."""


def refuse_foreign_code(model: Path) -> None:
    """Look at every layer that the file names, before Keras does.

    Raises:
        ConversionError: the file is damaged or has weights only, or a layer is not one of Keras' own; the
            message names it and its place.
    """
    config = _read(model)
    layers = list(_layers(config))
    for place, layer in enumerate(layers, start=1):
        name = (layer.get("config") or {}).get("name") or layer.get("name") or "without a name"
        where = f"layer {place} of {len(layers)} in {model.name}, {name!r},"
        foreign = _foreign(layer)
        if foreign is not None:
            raise ConversionError(f"{where} {foreign}: {_WAY_OUT}")


def _read(model: Path) -> Any:
    try:
        if zipfile.is_zipfile(model):
            with zipfile.ZipFile(model) as archive:
                if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
                    raise ConversionError(f"{model} describes itself in more than 64 MB: it is damaged")
                return json.loads(archive.read("config.json"))
        with h5py.File(model, "r") as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise ConversionError(
                    f"{model} holds weights without layers: load them into the model they belong to, and "
                    "save all of it with model.save('model.keras')"
                )
            return json.loads(text)
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ConversionError(f"{model} is damaged or no Keras model: save it again") from error


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """Every layer, those inside other models too, in the order of the file."""
    if isinstance(config, dict):
        inner = config.get("config")
        members = inner.get("layers") if isinstance(inner, dict) else None
        if isinstance(members, list):
            for member in members:
                if isinstance(member, dict):
                    yield from _layers(member)
        elif "class_name" in config:
            yield config


def _foreign(value: Any) -> str | None:
    """What below ``value`` is code that Keras itself does not have, in words, or None."""
    if isinstance(value, list):
        return next((found for found in map(_foreign, value) if found), None)
    if not isinstance(value, dict):
        return None
    registered = value.get("registered_name")
    module = value.get("module")
    kind = value.get("class_name")
    if kind == "Lambda":
        return "is a Lambda, which holds code of its own that is not run here"
    if isinstance(kind, str) and "module" in value:
        if kind == "function":
            return f"needs the function {value.get('config')}, which is not Keras' own"
        own = isinstance(module, str) and module.split(".")[0] in ("keras", "builtins")
        # Keras 3 writes the module None, and Keras 2 the user's own, for what it has not registered itself.
        if not own or (isinstance(registered, str) and ">" in registered):
            return f"needs the class {kind}, which is not Keras' own"
    return next((found for found in map(_foreign, value.values()) if found), None)
