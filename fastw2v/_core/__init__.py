"""Services that know no layer, file or text: threads, random keys, products, scratch memory."""
