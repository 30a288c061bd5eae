"""What lines of documents are made of: a grammar, one rule a paragraph, one alternative a line or between bars.

`{rule}` stands for a line of that rule, `{3-40}` for a number in that range, `{#4-13}` for so many digits, `{$2-4}`
for so many capitals; `{rule|upper}`, `{rule|title}` and `{rule|cased}` change letters. `{tab}` is a gap between
columns; `{sup}`, `{sub}` and `{end}` begin and end a superscript or subscript (`{end}` also keeps a space at an end);
`{bar}` is a bar. `3*` before a line makes its alternatives three times as frequent. Rules that lines.py writes
itself: `word`, `name`, `words1` to `words6`, `prose`, `amount`, `decimal`, `mixed`.
"""

GRAMMAR = r"""
currency
3* $
£
€
RM

minus
3* -
−
–

dash
2* -
2* –
 -{end} {end}
 to{end} {end}

unit
kg | g | mg | mg/kg | ml | cm | mm | km | m | °C | °F | kHz | MHz | Hz | V | kW | W | pcs | PCS | hrs | min | s
ms | years
days | wt% | mol | mmol/L | µm | µg | mg/dL | kPa | rpm | dB | GB | lb | oz | % | IU | mM | nm | mL | h | bpm
ppm | psi

month
January | February | March | April | May | June | July | August | September | October | November | December

mon
Jan | Feb | Mar | Apr | May | Jun | Jul | Aug | Sep | Oct | Nov | Dec

weekday
Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday | Mon | Tue | Wed | Thu | Fri | Sat | Sun

day
{1-31}

dd
0{1-9} | {10-31} | {10-31}

mm
0{1-9} | 0{1-9} | 1{0-2}

year
19{#2-2} | 20{#2-2} | 20{0-2}{#1-1}

date
2* {dd}/{mm}/{year}
2* {dd}/{mm}/{#2-2}
{1-12}/{day}/{#2-2}
{1-12}/{day}/{year}
2* {dd}-{mm}-{year}
{dd}-{mm}-{#2-2}
{year}-{mm}-{dd}
{year}/{mm}/{dd}
{dd}.{mm}.{year}
{day} {month} {year}
{month} {day}, {year}
{mon} {day}, {year}
{dd}-{mon|cased}-{year}
{day} {mon|cased} {year}
{dd}{mon|upper}{#2-2}
{weekday}, {day} {month}
{weekday|upper} {dd}/{mm}/{#2-2}
{month} {year}

half
AM | PM | am | pm | a.m. | p.m.

hh
0{0-9} | 1{0-9} | 2{0-3}

sixty
{0-5}{#1-1}

time
2* {hh}:{sixty}
2* {hh}:{sixty}:{sixty}
{1-12}:{sixty} {half}
{1-12}:{sixty}:{sixty} {half}
{hh}:{sixty}{half}
{hh}.{sixty}

phone
({#3-3}) {#3-3}-{#4-4}
{#3-3}-{#3-3}-{#4-4}
{#3-3}.{#3-3}.{#4-4}
+{1-99} {#2-3} {#3-4} {#3-4}
+{1-99}-{#2-2}-{#7-8}
0{#1-2}-{#7-8}
0{#1-1} - {#8-8}
0{#1-2} {#4-4} {#4-4}
1-800-{#3-3}-{#4-4}

code
2* {#4-13}
{#8-13}
{$1-4}{#2-8}
{$1-4}-{#2-6}
({#6-8}-{$1-1})
{#2-4}-{#3-6}
{$1-4}/{#2-4}/{#2-4}
{mixed}
#{#1-6}
{#1-3}{$1-1}
{#4-4}{$3-4}-{$1-1}{#6-10}
{$2-4}{#1-3}-{#1-2}({$1-1})
XXXXXXXXXXXX{#4-4}
************{#4-4}
****{#4-4}
{1-255}.{0-255}.{0-255}.{0-255}

number
5* {decimal}
2* {0-999}
{minus}{decimal}
2* {decimal}%
{decimal} %
2* {0-400} ({0-99}.{#1-2}%)
2* {0-400} ({0-99}.{#1-1})
{0-400} ({0-99}%)
2* {decimal} ± {decimal}
{decimal}±{decimal}
2* {decimal} ({decimal})
({decimal})
({decimal}{dash}{decimal})
2* {decimal}{dash}{decimal}
{decimal} ({decimal}{dash}{decimal})
{decimal} ({decimal}, {decimal})
[{decimal}, {decimal}]
[{0-1}, {0-1}, {0-1}]
<{decimal}
< {decimal}
> {decimal}
≥ {decimal}
≤ {decimal}
≥{0-99}
{decimal}*
{decimal}**
{decimal}{sup}{footmark}{end}
{1-99},{#3-3}
{1-999},{#3-3},{#3-3}
+{decimal}
{1-99}/{1-999}
{decimal} × 10{sup}{minus}{1-12}{end}
{decimal}e-{#2-2}
{decimal}E+{#2-2}
~{decimal}
p < 0.{pvalue}
p<0.{pvalue}
P = 0.{#2-3}
p = .{#3-3}
<0.{pvalue}
n = {1-999}
(n = {1-999})
(n={1-999})
N={1-999}
{decimal} {unit}
{1-999}{unit}
.{#2-3}
{1-99}:{#2-2}
0.{#2-4}
1.{#2-3}
100
0

pvalue
05 | 01 | 001 | 0001 | 005

footmark
a | b | c | d | 1 | 2 | 3 | * | ** | † | ‡

quantity
{1-30}
{1-20} x
{1-20}X
{1-9} @
{0-4}.{#3-3}
{1-9}.00

item
4* {words1|upper}
3* {words2|upper}
2* {words3|upper}
2* {words2|cased}
{words1|title}
{words2|upper} {1-999}{size}
{words1|upper} {1-999}{size}
{words1|upper} {size}
{words2|upper} - {word|upper}
{words1|title} ({size})
{$1-3}.{word|upper}

size
ML | G | KG | g | ml | S | M | L | XL | CM | PK | OZ | X6 | PCS | HOT | COLD

tax
SR | S | Z | ZR | T | A | N | F | SR* | B

receipt-item
3* {item}
3* {item}{tab}{amount}
2* {quantity} {item}{tab}{amount}
2* {quantity} {amount}{tab}{amount}
{item}{tab}{quantity}{tab}{amount}{tab}{amount}
{#6-13} {item}
{#6-13}{tab}{quantity}{tab}{amount}
2* {1-200} PCS @ {amount}
{1-20} pcs @ {amount}
{amount} x {1-20}
{1-20} X {amount}
@ {amount}
{amount} {tax}
{amount}{tab}{amount}
{1-99}. {item}

receipt-word
TOTAL | Total | SUBTOTAL | Sub Total | Sub-total | CASH | Cash | CHANGE | Change Due | CHANGE DUE | TAX | Tax
GST | GST 6%
VAT | VAT 20% | Sales Tax | ROUNDING | Rounding Adj | DISCOUNT | Disc. | AMOUNT | Amount | AMOUNT DUE | BALANCE
Balance Due
PAYMENT | VISA | MASTERCARD | DEBIT | CREDIT CARD | TENDERED | Paid | TOTAL DUE | GRAND TOTAL | Net Total
Total Qty | ITEMS
No. of Items | Service Charge | SERVICE CHG 10% | TIP | Deposit | NET AMOUNT | Total Incl. GST | TOTAL EXCL. TAX
Total Sales
REFUND | Rounding | ROUNDED TOTAL | Total (RM) | Discount 10% | SR @ 6% | GST @6% INCLUDED IN TOTAL | Qty | Price
Subtotal (USD)

receipt-total
5* {receipt-word}{tab}{amount}
3* {receipt-word}: {amount}
{receipt-word} : {amount}
{receipt-word}:{tab}{amount}
{receipt-word} {amount}
{receipt-word} RM {amount}
{receipt-word}{tab}{amount}{tab}{amount}
2* {receipt-word}
{receipt-word}:
{receipt-word|upper}{tab}{amount}

receipt-name
INVOICE NO | Invoice No. | INV NO | Receipt # | RECEIPT NO | Bill No | ORDER | Order No. | TABLE | Table
CASHIER | Cashier
SERVER | STAFF | Counter | TERMINAL | TID | MID | TRANS | Trans # | REF NO | REF | APPROVAL CODE | AUTH CODE
BATCH | TEL
Tel | Phone | FAX | Fax | GST REG NO | GST ID | VAT NO | CO. REG NO | Co. No | ROC NO | DATE | Date | TIME | Time
STORE | Till
SLIP | MEMBER | Card No | BARCODE | Item No. | SKU | CUSTOMER | Sold To | PAX | Salesperson | Doc No.
Account No | Reg No

receipt-value
3* {code}
{date}
{time}
{date} {time}
{phone}
{1-999}
{name|upper}
{name|upper} {name|upper}

joint
3* :{end} {end}
2* :
 :{end} {end}
{tab}
:{tab}
{end} {end}
.{end} {end}

receipt-label
6* {receipt-name}{joint}{receipt-value}
{receipt-name}
2* {receipt-value}
2* {date} {time}
{date}{tab}{time}

receipt-saying
THANK YOU | Thank you for your visit | PLEASE COME AGAIN | Please keep this receipt | TAX INVOICE
GOODS SOLD ARE NOT REFUNDABLE
Goods sold are not returnable | NO REFUND | Exchange within 7 days | HAVE A NICE DAY | ALL PRICES INCLUDE GST
CUSTOMER COPY
Merchant Copy | DUPLICATE | CASH BILL | RECEIPT | QTY DESCRIPTION AMOUNT | QTY ITEM PRICE | Item Qty Price Amt
UNIT PRICE
Price(RM) | TAX AMT RATE | COPY | SIGNATURE REQUIRED | NO SIGNATURE REQUIRED | WE ACCEPT ALL MAJOR CARDS
Powered by
GST SUMMARY | Rate Amt Tax | Opening hours | Follow us on | please retain for your records | Amount(RM)
Total(RM) | CASH SALE

receipt-ending
5* {receipt-saying}
2* {receipt-saying|upper}
{receipt-saying}!
*** {receipt-saying|upper} ***
** {receipt-saying} **
--- {receipt-saying|upper} ---
{receipt-saying}.

form-name
Name | NAME | First name | Last name | Surname | Address | ADDRESS | City | State | Zip Code | ZIP | Country
Telephone
Phone No. | E-mail | Date of birth | DATE | Date | Signature | SIGNATURE | Title | Company | Department
Position | Occupation
Sex | Age | Nationality | Account Number | Amount | Total | Remarks | REMARKS | Comments | Subject | SUBJECT | TO
FROM | CC | Re
Attn | Approved by | Prepared by | Reviewed by | Requested by | Division | Brand | BRAND | Product | Quantity
Unit | Description
DESCRIPTION | Reference | Case No. | File No. | Page | Section | Code | Type | Manufacturer | Distribution
Effective Date
Expiration date | Project | Budget | Cost | Region | Market | Status | Employer | Social Security No.
Marital status | Yes | No
N/A | Initials | Location | Purpose | Method | Sample | Test No. | Report No. | Telephone Number | Date Received
Fax Number

form-label
4* {form-name}
{words1|title}
{words2|title}
{words2|upper}
{words3}

form-value
2* {name} {name}
{name|upper} {name|upper}
{date}
{code}
{phone}
{amount}
{words2|cased}
{words4}
{1-100}
{words1|upper}

form-number
{1-40}.
{1-40}
({letter})
{$1-1}.
{1-40}{letter}

letter
a | b | c | d | e | f | g | h | i | k | n | x

form-field
4* {form-label}:
2* {form-label}
4* {form-label}: {form-value}
2* {form-label}:{tab}{form-value}
2* {form-value}
{form-number} {form-label}
{form-number} {form-label}: {form-value}
{form-label}?
{form-label} (if any)
{form-label}:{tab}{form-label}:
{form-label}{tab}{form-label}

company-end
LTD | Ltd. | INC. | Inc. | CO. | & CO | SDN BHD | Sdn. Bhd. | LLC | GmbH | Corp. | PLC | S.A. | ENTERPRISE
TRADING | HARDWARE
RESTAURANT | MARKET | STORES | PHARMACY | Group | Services | COMPANY | Industries | Bank | Hotel | CAFE
BOOKSTORES | (M) SDN BHD

street
Street | St. | Road | Rd | Avenue | Ave. | Lane | Drive | Blvd | Square | Way | Park | Jalan | Court | Place
Highway

honour
Mr. | Mrs. | Dr. | Ms. | Prof.

title-end
Ph.D. | M.D. | Jr. | III | II | Esq. | MD | Director | President | Chairman | MSc | Secretary | Manager

address-line
2* {1-2000} {name} {street}
No. {1-300}, {street} {name} {1-30}/{1-30}
{1-99}, JALAN {name|upper} {1-30}/{1-30}
{name}, {$2-2} {#5-5}
2* {#5-5} {name} {name}
{#5-5} {name}, {name}.
P.O. Box {#2-5}
Suite {1-3000}, {name} {name}
LOT {1-500}, {name}
Level {1-40}, {name} Building
3* {name} {name} {company-end}
{name} & {name} {company-end}
{name} {company-end}
2* {name} {name}
{honour} {name} {name}
{name} {$1-1}. {name}
{name}, {name}
{name} {name}, {title-end}
{$1-2}{1-30} {1-9}{$2-2} {name}
University of {name}
Department of {name}
{name} State

address
3* {address-line}
2* {address-line|upper}

top-domain
com | com | org | net | edu | co.uk | de | com.my | gov | io | fr

file
{word}{filejoint}{word}.{fileend}

filejoint
_ | - | . | {end}

fileend
pdf | html | txt | py | jpg | php | doc | xls | com | csv

contact
2* {word}.{word}@{word}.{top-domain}
2* {word}@{word}.{top-domain}
{word}{0-99}@{word}.{top-domain}
2* www.{word}{word}.{top-domain}
http://www.{word}.{top-domain}/{word}
https://{word}.{top-domain}/{file}
Email: {word}@{word}.{top-domain}
WWW.{word|upper}.COM
/{word}/{word}/{file}
{file}
2* Tel: {phone}
TEL : {phone}
Tel/Fax: {phone}
Fax: {phone}
@{word}{word}
{word}.{top-domain}
{word|upper}_{word|upper}
{word}_{word}
doi:10.{#4-4}/{word}.{#3-5}

capitals
2* {words1|upper}
3* {words2|upper}
2* {words3|upper}
2* {words4|upper}
{words2|upper}:
{words3|upper}.
{words1|upper} {#1-4}
{$2-5}
{$2-4} {$2-4}

roman
I | II | III | IV | V | VI | VII | VIII | IX | X | XI | XII

heading
4* {words3|title}
2* {words4|title}
{1-9}. {words3|title}
{1-9}.{1-9} {words3|title}
{1-9}.{1-9}.{1-9} {words2|title}
{roman}. {words2|upper}
Chapter {1-20} {words2|title}
Table {1-20}. {words3}
Table {1-20}: {words3|title}
TABLE {roman}
Figure {1-20}. {words3}
Fig. {1-20}: {words3}
Appendix {$1-1}: {words2|title}
{words2|title}:

numbers
2* {number}
2* {number}{tab}{number}
{number}{tab}{number}{tab}{number}
2* {decimal}{tab}{decimal}
2* {decimal}{tab}{decimal}{tab}{decimal}
{decimal}{tab}{decimal}{tab}{decimal}{tab}{decimal}
{amount}{tab}{amount}
{amount}
{0-99}{tab}{0-99}{tab}{0-99}
{0-999}{tab}{0-999}{tab}{0-999}{tab}{0-999}
{yes-no}{tab}{yes-no}{tab}{yes-no}
{minus}{tab}{decimal}{tab}{minus}

yes-no
yes | no | Yes | No | yes+ | no | Y | N | + | - | NS | ND

table-word
Mean | SD | Median | Range | Total | n | N | Age | Male | Female | Yes | No | yes | no | Control | Group
Baseline | Variable
Characteristic | Overall | OR | HR | 95% CI | p value | P value | P-value | Mean (SD) | Mean ± SD | n (%)
No. (%) | Reference | NS
ND | NA | n/a | N/A | ns | Min | Max | IQR | Low | High | AUC | Type | Year | Model | Method | Sample | Score
Value | Parameter
Estimate | SE | t | df | F | R2 | Positive | Negative | Sensitivity | Specificity | Treatment | Placebo
Patients | Cases | Controls
Gene | Protein | Strain | (n = {1-999}) | (%) | OR (95% CI) | Age (years) | BMI (kg/m{sup}2{end})
Number of patients | Month | Ref.

sign
* | ** | *** | - | – | + | = | % | $ | # | / | & | × | → | ✓ | • | (a) | (b) | ± | ? | !

cell
2* {0-9}
2* {0-99}
{0-9}
{0-999}
2* {table-word}
{$1-1}
{letter}
{roman}
{sign}
{yes-no}
{1-100}%
({1-100})
{1-30}.
2* {number}
{amount}
{form-name}
{name}
{word}
{word|upper}
{code}
{1-20}{letter}
{year}
{$1-1}{1-20}
{$1-1}.
{letter})
{date}
{time}
{$2-4}

label
2* {table-word}
{words1|title}
{words2}
{words3}
{words2|title}

table-row
4* {label}{tab}{number}
3* {label}{tab}{number}{tab}{number}
{label}{tab}{number}{tab}{number}{tab}{number}
{table-word}{tab}{table-word}
{table-word}{tab}{table-word}{tab}{table-word}
{cell}{tab}{cell}
{cell}{tab}{cell}{tab}{cell}
{label}
{1-40}{tab}{words2}
{1-40}. {words3}{tab}{number}
{words2}, {unit}

program
3* {code}
{code}{tab}{code}
{word}({word})
{word}.{word}()
{word} = {0-99};
if ({word} == {0-9})
{word}_{word} = "{word}"
<{word}>{word}</{word}>
--{word}-{word}
${word} {word}
{word}[{0-20}]
// {word} {word}
# {word} {word}
{word}: {word},
return {word} + {word};
0x{#4-4}
v{0-9}.{0-20}.{0-20}
{word} {bar} {word}
{word}::{word}
~/{word}/{word}
{word}: '{word}'

reference
{name}, {$1-1}. ({year}).
{$1-1}. {name}, {$1-1}. {name}, and
{name} {$1-2}, {name} {$2-2}: {words3}
{name} et al., {year}
({name} et al., {year}; {name}, {year})
({name} {year})
[{1-90}] {$1-1}. {name}.
pp. {1-400}–{1-500}, {year}.
{1-99}({1-12}):{1-900}-{1-999}
{year};{1-99}:{1-900}–{1-99}.
vol. {1-90}, no. {1-12}, pp. {1-400}-{1-500}
J. {name} {1-99}, {1-900} ({year})
Proc. {name}. {name}.
{1-90}. {name}, {$1-1}.{$1-1}.,
In {name} {$1-1} ed. {words3}
({year}) {words3}.

notes
2* {sup}{footmark}{end} {words3}
2* {sup}{footmark}{end}{words3}
2* {words2}{sup}{footmark}{end}
2* {words3}.{sup}{1-60}{end}
{name}{sup}{1-9},{1-9}{end}
{name} {$1-1}.{sup}{footmark}{end}
* {words3}
Page {1-60} of {1-60}
- {1-400} -
10{sup}{minus}{1-12}{end} {unit}
m{sup}2{end}
km{sup}2{end}
{1-999} cm{sup}3{end}
s{sup}{minus}1{end}
R{sup}2{end} = 0.{#2-2}
CO{sub}2{end}
H{sub}2{end}O
{1-31}{sup}th{end} {words2}
{name}®
{name}™
© {year} {name}
• {words3}
({letter}) {words3}
{letter}) {words3}
{roman}) {words2}
1) {words2}
"{words3}"
“{words3}”
‘{words2}’
{words2}—{words2}
{words2} – {words2}
§ {1-99}.{1-9}
({words3})
[{words2}]
{words3};

lookalike
I | Ill | Illinois | Il | It | If | In | Is | II | III | 1l | Island | Italy | Ideal | I'll | I'd | Item | ID
IBM | ILL | lit | ill
all | Isle | Inc. | lnk | 1I | IO | 10 | 1O1 | OO7 | O | 0 | Oil | modern | corner | barn | clear | dear | burn
bum | cl | d | rn
m | vv | w | 5S | S5 | B8 | 8B | Z2 | 2Z | G6 | 6G | l0 | lO | 1.0 | 1,0 | 1.1 | 11 | 111 | 1111 | 7 | 17 | 71
1,111 | ! | i | j
; | U.S. | e.g., | i.e., | illi | {word} | {word} | {word} | {word}, | {word}. | {name}, | {name}.

similar
{lookalike}
2* {lookalike} {lookalike}
3* {lookalike} {lookalike} {lookalike}
{lookalike} {lookalike} {lookalike} {lookalike}
"""

# How often a line is of each kind.
LINE_KINDS = {
    "prose": 0.27,
    "receipt-item": 0.08,
    "receipt-total": 0.06,
    "receipt-label": 0.06,
    "receipt-ending": 0.03,
    "form-field": 0.07,
    "address": 0.06,
    "contact": 0.035,
    "capitals": 0.06,
    "heading": 0.04,
    "numbers": 0.09,
    "cell": 0.06,
    "table-row": 0.06,
    "program": 0.025,
    "reference": 0.03,
    "notes": 0.04,
    "similar": 0.03,
}
