"""A real server of chat completions, `transformers serve`, with a language model that talks nonsense."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def nonsense(folder: Path) -> Path:
    """A language model with random weights, one byte a token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    signs = ["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    core = Tokenizer(models.BPE({sign: k for k, sign in enumerate(signs)}, []))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    chat = "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}<s>assistant: "
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", chat_template=chat
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(signs), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16384, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of a server that runs this model."""
    command = shutil.which("transformers", path=Path(sys.executable).parent)
    assert command, "transformers has no command line here"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with tempfile.TemporaryFile("w+") as log:
        real = subprocess.Popen(
            [command, "serve", str(model), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)],
            stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", real, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            real.terminate()
            real.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Any, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if _answers(address):
            return
        time.sleep(0.5)
    log.seek(0)
    pytest.fail(f"transformers serve did not start: {log.read()[-2000:]}")


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except (urllib.error.URLError, OSError):
        return False
    return True
