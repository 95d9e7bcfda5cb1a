# SPDX-License-Identifier: Apache-2.0
"""pahole's text, read back: a second opinion on layouts."""
import re, subprocess
from collections import namedtuple

# size None: pahole prints none for unions. fields: (name, bit offset, bytes; None for a bit-field), holes: (bytes...)
Type = namedtuple('Type', 'name keyword size fields holes padding is_typedef text')

HEAD = re.compile(r'^(typedef )?(struct|class|union) ?(.*?) ?(: .*)?\{$')
ATTRIBUTE = r'__attribute__\(\(\w+(\([^)]*\))?\)\)'
PLACE = re.compile(r'/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+) \*/$')


def field_name(text):
    text = re.sub(ATTRIBUTE, '', text).strip().rstrip(';').strip()
    text = re.sub(r':\d+$', '', text)
    function = re.search(r'\(\*+\s*(?:const )?([\w.$]+)\)?', text)
    if function:
        return function[1]
    text = re.sub(r'(\[[^\]]*\])+$', '', text).strip()
    name = re.search(r'([\w.$]+)$', text)
    return name[1] if name else ''


def parse(lines):
    """Types of one output. Nested types that take no room are skipped."""
    block, depth = None, 0
    for line in lines:
        line = line.rstrip('\n')
        if block is None:
            head = HEAD.match(line)
            if head:
                block = dict(name=head[3], keyword=head[2], size=None, fields=[], holes=[], padding=0, is_typedef=bool(head[1]), text=[line])
                depth = 1
            continue
        block['text'].append(line)
        word = line.strip()
        if word.startswith('}'):
            depth -= 1
            if depth == 0:
                closing = re.match(r'^\} ?([\w$]*)', re.sub(ATTRIBUTE + ' ?', '', line))
                if not block['name'] and closing:
                    block['name'] = closing[1]
                yield Type(**{**block, 'text': '\n'.join(block['text'])})
                block = None
                continue
        if word.endswith('{') and re.match(r'(typedef )?(struct|class|union|enum)\b', word):
            depth += 1
            continue
        if depth != 1:
            continue
        place = PLACE.search(word)
        hole = re.match(r'/\* XXX (\d+) bytes? hole', word)
        size = re.match(r'/\* size: (\d+)', word)
        padding = re.match(r'/\* padding: (\d+)', word)
        if hole:
            block['holes'].append(int(hole[1]))
        elif size:
            block['size'] = int(size[1])
        elif padding:
            block['padding'] = int(padding[1])
        elif place and not word.startswith('/* Force'):
            text = word[:place.start()].strip()
            offset, bit, bytes_ = int(place[1]), place[2], int(place[3])
            if text.startswith('/*'):
                block['fields'].append(('base', offset * 8, None))
            else:
                block['fields'].append((field_name(text.lstrip('}')), offset * 8 + int(bit or 0), None if bit is not None else bytes_))


def types_of(path, *options):
    done = subprocess.run(['pahole', '--show_private_classes', '-a', *options, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors='replace', timeout=300)
    return list(parse(done.stdout.splitlines()))
