r"""Formulas that are met in books, with places for symbols (`<x1>`), choices (`⟦a|b⟧`) and expressions (`<expr>`).

One a line; blank lines and lines that begin with a double dash are left out. What a place stands for is said in
`grammar`. Spacing and braces need no care here: `spelling.canonical` spells every formula one way.
"""

# ruff: noqa: E501 - one formula a line

_SHORT = r"""
-- algebra
(<x1>+<x2>)^2=<x1>^2+2<x1><x2>+<x2>^2
<x1>^<n1>-<x2>^<n1>=(<x1>-<x2>)\sum_{<i1>=0}^{<n1>-1}<x1>^{<i1>}<x2>^{<n1>-1-<i1>}
<x1>=\frac{-<c1>\pm\sqrt{<c1>^2-4<c2><c3>}}{2<c2>}
<c1><x1>^2+<c2><x1>+<c3>=0
<x1>^2+<c1><x1>+<c2>=\left(<x1>+\frac{<c1>}{2}\right)^2-\frac{<c1>^2-4<c2>}{4}
(<x1>+<x2>)^<n1>=\sum_{<i1>=0}^<n1>\binom{<n1>}{<i1>}<x1>^{<n1>-<i1>}<x2>^<i1>
\binom{<n1>}{<i1>}=\frac{<n1>!}{<i1>!(<n1>-<i1>)!}
\binom{<n1>+1}{<i1>}=\binom{<n1>}{<i1>}+\binom{<n1>}{<i1>-1}
\sqrt[<dig>]{<expr>}=<expr>
\sqrt{<x1><x2>}⟦=\sqrt{<x1>}\sqrt{<x2>}|\leq\frac{<x1>+<x2>}{2}⟧
\log_<c1>(<x1><x2>)=\log_<c1><x1>+\log_<c1><x2>
\log_{<dig>}<x1>=\frac{\ln<x1>}{\ln<dig>}
<c1>^{\log_<c1><x1>}=<x1>
\left|<x1>-<x2>\right|⟦\leq|<|\geq⟧\left|<x1>\right|+\left|<x2>\right|
|<x1>|=\sqrt{<x1>^2}
\frac{1}{<x1>}+\frac{1}{<x2>}=\frac{<x1>+<x2>}{<x1><x2>}
\frac{<c1>}{<c2>}=\frac{<c3>}{<c4>}⟦|\iff<c1><c4>=<c2><c3>⟧
<x1>=<c1>+\cfrac{1}{<c2>+\cfrac{1}{<c3>+\cfrac{1}{<c4>}}}
<x1>_{<n1>+1}=\frac{1}{2}\left(<x1>_<n1>+\frac{<c1>}{<x1>_<n1>}\right)
<P1>(<x1>)=<c1>_<n1><x1>^<n1>+<c1>_{<n1>-1}<x1>^{<n1>-1}+\cdots+<c1>_1<x1>+<c1>_0
<c1>\equiv<c2>\pmod{<n1>}
<c1>^{<n1>-1}\equiv1\pmod{<n1>}
\gcd(<c1>,<c2>)\cdot\operatorname{lcm}(<c1>,<c2>)=|<c1><c2>|
\left\lfloor\frac{<n1>}{<dig>}\right\rfloor⟦+\left\lceil\frac{<n1>}{<dig>}\right\rceil|\leq<x1>⟧
\lfloor<x1>\rfloor\leq<x1><\lfloor<x1>\rfloor+1
\max\{<x1>,<x2>\}=\frac{<x1>+<x2>+|<x1>-<x2>|}{2}
-- sums and series
\sum_{<i1>=1}^<n1><i1>=\frac{<n1>(<n1>+1)}{2}
\sum_{<i1>=1}^<n1><i1>^2=\frac{<n1>(<n1>+1)(2<n1>+1)}{6}
\sum_{<i1>=1}^<n1><i1>^3=\left(\frac{<n1>(<n1>+1)}{2}\right)^2
\sum_{<i1>=0}^{\infty}<x1>^<i1>=\frac{1}{1-<x1>}
\sum_{<i1>=0}^{<n1>}<c1><x1>^<i1>=<c1>\frac{1-<x1>^{<n1>+1}}{1-<x1>}
\sum_{<i1>=1}^{\infty}⟦\frac{1}{<i1>^2}=\frac{\pi^2}{6}|\frac{1}{<i1>^4}=\frac{\pi^4}{90}⟧
\sum_{<i1>=1}^{\infty}\frac{(-1)^{<i1>+1}}{<i1>}=\ln2
e^<x1>=\sum_{<i1>=0}^{\infty}\frac{<x1>^<i1>}{<i1>!}
e^{<x1>}=\lim_{<n1>\to\infty}\left(1+\frac{<x1>}{<n1>}\right)^<n1>
\sin<x1>=\sum_{<i1>=0}^{\infty}\frac{(-1)^<i1><x1>^{2<i1>+1}}{(2<i1>+1)!}
\cos<x1>=1-\frac{<x1>^2}{2!}+\frac{<x1>^4}{4!}-\cdots
\ln(1+<x1>)=\sum_{<i1>=1}^{\infty}(-1)^{<i1>+1}\frac{<x1>^<i1>}{<i1>}
<f1>(<x1>)=\sum_{<i1>=0}^{\infty}\frac{<f1>^{(<i1>)}(<c1>)}{<i1>!}(<x1>-<c1>)^<i1>
<f1>(<x1>+<c1>)=<f1>(<x1>)+<f1>'(<x1>)<c1>+\frac{1}{2}<f1>''(<x1>)<c1>^2+O(<c1>^3)
\prod_{<i1>=1}^<n1><expr>
\sum_{<i1>=1}^<n1><c1>_<i1><x1>_<i1>⟦\leq|=|\geq|<⟧<expr>
\sum_{<i1>=1}^{<n1>}\sum_{<i2>=1}^{<n2>}<c1>_{<i1><i2>}<x1>_<i1><x2>_<i2>
\prod_{p}\frac{1}{1-p^{-s}}=\sum_{<n1>=1}^{\infty}\frac{1}{<n1>^s}
\zeta(<x1>)=\sum_{<n1>=1}^{\infty}\frac{1}{<n1>^{<x1>}}
\Gamma(<x1>+1)=<x1>\Gamma(<x1>)
<n1>!\sim\sqrt{2\pi<n1>}\left(\frac{<n1>}{e}\right)^{<n1>}
\sum_{\substack{1\leq<i1>\leq<n1>\\<i1>\neq<i2>}}<x1>_{<i1>}
F_{<n1>}=\frac{\varphi^{<n1>}-\psi^{<n1>}}{\sqrt{5}}
<c1>_{<n1>+1}=<c1>_<n1>+<c1>_{<n1>-1}
-- limits and derivatives
\lim_{<x1>\to⟦0|\infty|<c1>|0^{+}⟧}<expr>=<num>
\lim_{<x1>\to0}\frac{\sin<x1>}{<x1>}=1
\lim_{<n1>\to\infty}\frac{<c1>_{<n1>+1}}{<c1>_<n1>}=<c2>
\lim_{<x1>\to<c1>}\frac{<f1>(<x1>)}{<f2>(<x1>)}=\lim_{<x1>\to<c1>}\frac{<f1>'(<x1>)}{<f2>'(<x1>)}
\limsup_{<n1>\to\infty}⟦<x1>_<n1>|\sqrt[<n1>]{<c1>_<n1>}⟧⟦<1|=<num>|\geq\liminf_{<n1>\to\infty}<x1>_<n1>⟧
<f1>'(<x1>)=\lim_{<c1>\to0}\frac{<f1>(<x1>+<c1>)-<f1>(<x1>)}{<c1>}
\frac{<d>}{<d><x1>}\left(<expr>\right)=<expr>
\frac{<d><x1>}{<d><x2>}=<expr>
\frac{<d>^2<x1>}{<d><x2>^2}⟦+<c1>\frac{<d><x1>}{<d><x2>}|⟧+<c2><x1>=⟦0|<expr>⟧
\frac{\partial<f1>}{\partial<x1>}=<expr>
\frac{\partial^2<f1>}{\partial<x1>\partial<x2>}=\frac{\partial^2<f1>}{\partial<x2>\partial<x1>}
<f1>''+<c1><f1>'+<c2><f1>=0
(<f1><f2>)'=<f1>'<f2>+<f1><f2>'
\left(\frac{<f1>}{<f2>}\right)'=\frac{<f1>'<f2>-<f1><f2>'}{<f2>^2}
\frac{<d>}{<d><x1>}<f1>(<f2>(<x1>))=<f1>'(<f2>(<x1>))<f2>'(<x1>)
\frac{\partial<f1>}{\partial<x1>}=<c1>\frac{\partial^2<f1>}{\partial<x2>^2}
\dot{<x1>}=<expr>
\ddot{<x1>}+⟦2<c1>\dot{<x1>}+|⟧<c2>^2<x1>=0
\nabla^2<f1>=⟦0|-<c1>^2<f1>|\frac{1}{<c1>^2}\frac{\partial^2<f1>}{\partial<x1>^2}⟧
\Delta<x1>=<x1>_{2}-<x1>_{1}
<x1>_{<n1>+1}=<x1>_<n1>-\frac{<f1>(<x1>_<n1>)}{<f1>'(<x1>_<n1>)}
-- integrals
\int_<c1>^<c2><f1>(<x1>)<dd><x1>=<F1>(<c2>)-<F1>(<c1>)
\int<expr><dd><x1>=<expr>+C
\int_{0}^{⟦1|\infty|\pi|2\pi|<c1>⟧}<expr><dd><x1>⟦=<num>|=<expr>|⟧
\int_{-\infty}^{\infty}e^{-<x1>^2}<dd><x1>=\sqrt{\pi}
\int_{-\infty}^{\infty}e^{-<c1><x1>^2}<dd><x1>=\sqrt{\frac{\pi}{<c1>}}
\int\frac{<d><x1>}{<x1>^2+<c1>^2}=\frac{1}{<c1>}\arctan\frac{<x1>}{<c1>}+C
\int\frac{<d><x1>}{\sqrt{<c1>^2-<x1>^2}}=\arcsin\frac{<x1>}{<c1>}+C
\int<f1><dd><f2>=<f1><f2>-\int<f2><dd><f1>
\int_<c1>^<c2><f1>'(<x1>)<f2>(<x1>)<dd><x1>=\left[<f1>(<x1>)<f2>(<x1>)\right]_<c1>^<c2>-\int_<c1>^<c2><f1>(<x1>)<f2>'(<x1>)<dd><x1>
\iint_⟦D|\Omega|S⟧<f1>(<x1>,<x2>)<dd><x1><dd><x2>
\iiint_V\nabla\cdot\mathbf{F}<dd>V=\oint_{S}\mathbf{F}\cdot\mathbf{n}<dd>S
\oint_⟦C|\gamma|\partial D⟧<f1>(z)<dd>z=2\pi i\sum_{<i1>}\operatorname{Res}(<f1>,z_<i1>)
<f1>(<c1>)=\frac{1}{2\pi i}\oint_{\gamma}\frac{<f1>(z)}{z-<c1>}<dd>z
\Gamma(<x1>)=\int_0^{\infty}t^{<x1>-1}e^{-t}<dd>t
B(<x1>,<x2>)=\frac{\Gamma(<x1>)\Gamma(<x2>)}{\Gamma(<x1>+<x2>)}
\hat{<f1>}(\xi)=\int_{-\infty}^{\infty}<f1>(<x1>)e^{-2\pi i<x1>\xi}<dd><x1>
\mathcal{L}\{<f1>\}(s)=\int_{0}^{\infty}e^{-st}<f1>(t)<dd>t
(<f1>*<f2>)(t)=\int_{-\infty}^{\infty}<f1>(\tau)<f2>(t-\tau)<dd>\tau
V=\pi\int_<c1>^<c2><f1>(<x1>)^2<dd><x1>
L=\int_<c1>^<c2>\sqrt{1+\left(\frac{<d><x2>}{<d><x1>}\right)^2}<dd><x1>
\operatorname{erf}(<x1>)=\frac{2}{\sqrt{\pi}}\int_{0}^{<x1>}e^{-t^2}<dd>t
\frac{<d>}{<d><x1>}\int_{<c1>}^{<x1>}<f1>(t)<dd>t=<f1>(<x1>)
-- trigonometry and geometry
\sin^2<x1>+\cos^2<x1>=1
\sin(<x1>\pm<x2>)=\sin<x1>\cos<x2>\pm\cos<x1>\sin<x2>
\cos2<x1>=⟦2\cos^2<x1>-1|1-2\sin^2<x1>|\cos^2<x1>-\sin^2<x1>⟧
\tan<x1>=\frac{\sin<x1>}{\cos<x1>}
\tan\frac{<x1>}{2}=\frac{1-\cos<x1>}{\sin<x1>}
e^{i<x1>}=\cos<x1>+i\sin<x1>
e^{i\pi}+1=0
(\cos<x1>+i\sin<x1>)^<n1>=\cos<n1><x1>+i\sin<n1><x1>
\frac{a}{\sin\alpha}=\frac{b}{\sin\beta}=\frac{c}{\sin\gamma}⟦=2R|⟧
c^2=a^2+b^2-2ab\cos\gamma
a^2+b^2=c^2
A=\sqrt{s(s-a)(s-b)(s-c)}
\angle ⟦ABC|PQR|BAC⟧=<deg>^{\circ}
\triangle ABC⟦\sim|\cong⟧\triangle ⟦DEF|PQR⟧
\overline{AB}⟦\parallel|\perp⟧\overline{CD}
\overrightarrow{AB}+\overrightarrow{BC}=\overrightarrow{AC}
\frac{<x1>^2}{<c1>^2}⟦+|-⟧\frac{<x2>^2}{<c2>^2}=1
(<x1>-<c1>)^2+(<x2>-<c2>)^2=<c3>^2
<x2>-<x2>_1=\frac{<x2>_2-<x2>_1}{<x1>_2-<x1>_1}(<x1>-<x1>_1)
d=\sqrt{(x_2-x_1)^2+(y_2-y_1)^2}
V=\frac{4}{3}\pi r^3
\cosh^2<x1>-\sinh^2<x1>=1
\arctan<x1>+\arctan\frac{1}{<x1>}=\frac{\pi}{2}
-- linear algebra
<M1><v1>=<g1><v1>
\det(<M1>-<g1>I)=0
⟦(<M1><M2>)^{-1}=<M2>^{-1}<M1>^{-1}|(<M1><M2>)^{\top}=<M2>^{\top}<M1>^{\top}|(<M1><M2>)^{T}=<M2>^{T}<M1>^{T}⟧
\operatorname{tr}(<M1><M2>)=\operatorname{tr}(<M2><M1>)
<M1>=<M2>\Lambda<M2>^{⟦-1|T|\top⟧}
<M1>=U\Sigma V^{⟦T|*|\top|\dagger⟧}
\operatorname{rank}(<M1>)+\dim\ker<M1>=<n1>
\|<v1>+<v2>\|\leq\|<v1>\|+\|<v2>\|
|\langle<v1>,<v2>\rangle|\leq\|<v1>\|\|<v2>\|
\langle<v1>,<v2>\rangle=\sum_{<i1>=1}^<n1><x1>_<i1><x2>_<i1>
<v1>\cdot<v2>=\|<v1>\|\|<v2>\|\cos\theta
<v1>\times(<v2>\times<v3>)=(<v1>\cdot<v3>)<v2>-(<v1>\cdot<v2>)<v3>
\|<v1>\|_{<dig1>}=\left(\sum_{<i1>}|<x1>_<i1>|^{<dig1>}\right)^{1/<dig1>}
\hat{<g1>}=(X^{\top}X)^{-1}X^{\top}<v1>
\operatorname{span}\{<v1>_1,\ldots,<v1>_<n1>\}
<M1>\in\mathbb{R}^{<n1>\times<n2>}
<M1>\otimes<M2>⟦\neq<M2>\otimes<M1>|⟧
\mathbf{e}_<i1>\cdot\mathbf{e}_<i2>=\delta_{<i1><i2>}
\varepsilon_{ijk}\varepsilon_{imn}=\delta_{jm}\delta_{kn}-\delta_{jn}\delta_{km}
-- probability and statistics
P(<A1>\mid<A2>)=\frac{P(<A2>\mid<A1>)P(<A1>)}{P(<A2>)}
P(<A1>\cup<A2>)=P(<A1>)+P(<A2>)-P(<A1>\cap<A2>)
\mathbb{E}[<X1>]=\sum_{<i1>}<x1>_<i1>⟦p_<i1>|P(<X1>=<x1>_<i1>)⟧
\operatorname{Var}(<X1>)=\mathbb{E}\left[<X1>^2\right]-\left(\mathbb{E}[<X1>]\right)^2
\operatorname{Cov}(<X1>,<X2>)=\mathbb{E}[<X1><X2>]-\mathbb{E}[<X1>]\mathbb{E}[<X2>]
\rho_{<X1>,<X2>}=\frac{\operatorname{Cov}(<X1>,<X2>)}{\sigma_{<X1>}\sigma_{<X2>}}
<f1>(<x1>)=\frac{1}{\sigma\sqrt{2\pi}}e^{-\frac{(<x1>-\mu)^2}{2\sigma^2}}
P(<X1>=<i1>)=\binom{<n1>}{<i1>}p^<i1>(1-p)^{<n1>-<i1>}
P(<X1>=<i1>)=\frac{\lambda^<i1>e^{-\lambda}}{<i1>!}
\bar{<x1>}=\frac{1}{<n1>}\sum_{<i1>=1}^<n1><x1>_<i1>
s^2=\frac{1}{<n1>-1}\sum_{<i1>=1}^{<n1>}(<x1>_<i1>-\bar{<x1>})^2
<X1>\sim\mathcal{N}(\mu,\sigma^2)
\frac{\bar{<X1>}-\mu}{\sigma/\sqrt{<n1>}}⟦\xrightarrow{d}|\to|\sim⟧\mathcal{N}(0,1)
P(|<X1>-\mu|\geq<c1>\sigma)\leq\frac{1}{<c1>^2}
H(<X1>)=-\sum_{<x1>}p(<x1>)\log_{2}p(<x1>)
D_{\mathrm{KL}}(P\|Q)=\sum_{<x1>}P(<x1>)\log\frac{P(<x1>)}{Q(<x1>)}
\hat{\theta}=\operatorname*{arg\,max}_{\theta}\sum_{<i1>=1}^<n1>\log p(<x1>_<i1>\mid\theta)
<x1>\pm<num>\frac{s}{\sqrt{<n1>}}
\chi^2=\sum_{<i1>=1}^<n1>\frac{(O_<i1>-E_<i1>)^2}{E_<i1>}
\mathcal{L}(\theta)=-\frac{1}{N}\sum_{<i1>=1}^{N}\left[y_<i1>\log\hat{y}_<i1>+(1-y_<i1>)\log(1-\hat{y}_<i1>)\right]
\theta_{t+1}=\theta_t-\eta\nabla_{\theta}\mathcal{L}(\theta_t)
\operatorname{softmax}(z)_<i1>=\frac{e^{z_<i1>}}{\sum_{<i2>}e^{z_<i2>}}
\operatorname{Attention}(Q,K,V)=\operatorname{softmax}\left(\frac{QK^{\top}}{\sqrt{d_k}}\right)V
\sigma(<x1>)=\frac{1}{1+e^{-<x1>}}
-- logic, sets, arrows
\forall<x1>\in<A1>\,\exists<x2>\in<A2>:<expr>⟦<|=|\leq⟧<expr>
\forall\varepsilon>0\,\exists\delta>0:|<x1>-<c1>|<\delta\Rightarrow|<f1>(<x1>)-<f1>(<c1>)|<\varepsilon
<A1>\cup(<A2>\cap<A3>)=(<A1>\cup<A2>)\cap(<A1>\cup<A3>)
\overline{<A1>\cup<A2>}=\overline{<A1>}\cap\overline{<A2>}
<A1>\setminus<A2>=\{<x1>\in<A1>\mid<x1>\notin<A2>\}
<A1>=\left\{<x1>\in<N>:<expr>⟦\leq|=|>⟧<num>\right\}
<A1>⟦\subseteq|\subset|\supseteq|\not\subset|\subsetneq⟧<A2>
\bigcup_{<i1>\in I}<A1>_<i1>⟦=\mathbb{R}|\subseteq<A2>|⟧
\bigcap_{<n1>=1}^{\infty}\left(-\frac{1}{<n1>},\frac{1}{<n1>}\right)=\{0\}
<f1>:<N>⟦^<n1>|⟧\to<N>⟦|,\quad<x1>\mapsto<expr>⟧
<p1>\land(<p2>\lor<p3>)\Leftrightarrow(<p1>\land<p2>)\lor(<p1>\land<p3>)
\neg(<p1>\lor<p2>)\equiv\neg<p1>\land\neg<p2>
<p1>\Rightarrow<p2>⟦\vdash\neg<p2>\Rightarrow\neg<p1>|⟧
|\mathcal{P}(<A1>)|=2^{|<A1>|}
<N>\subset<N>
<A1>\times<A2>=\{(<x1>,<x2>):<x1>\in<A1>,<x2>\in<A2>\}
\emptyset\neq<A1>\subseteq<N>
0\to<A1>\xrightarrow{⟦f|\alpha|\iota⟧}<A2>\xrightarrow{⟦g|\beta|\pi⟧}<A3>\to0
<A1>\cong<A2>/\ker<f1>
\operatorname{Hom}(<A1>,<A2>)⟦\cong|\simeq⟧\operatorname{Hom}(<A2>,<A1>)
\pi_1(S^1)\cong\mathbb{Z}
H^{<n1>}(<A1>;\mathbb{Z})\to H^{<n1>}(<A2>;\mathbb{Z})
\aleph_0<2^{\aleph_0}
<g1>\circ<f1>=\operatorname{id}_{<A1>}
T(<n1>)=2T\left(\frac{<n1>}{2}\right)+O(<n1>)
<f1>(<n1>)=⟦O|\Theta|\Omega⟧(⟦<n1>\log<n1>|<n1>^2|2^{<n1>}|\sqrt{<n1>}⟧)
-- physics
E=mc^2
E^2=(pc)^2+(mc^2)^2
\mathbf{F}=m\mathbf{a}⟦|=\frac{<d>\mathbf{p}}{<d>t}⟧
F=G\frac{m_1m_2}{r^2}
F=\frac{1}{4\pi\varepsilon_0}\frac{q_1q_2}{r^2}
i\hbar\frac{\partial}{\partial t}\Psi⟦|(\mathbf{r},t)⟧=\hat{H}\Psi⟦|(\mathbf{r},t)⟧
-\frac{\hbar^2}{2m}\frac{\partial^2\psi}{\partial x^2}+V(x)\psi=E\psi
\Delta x\,\Delta p\geq\frac{\hbar}{2}
[\hat{x},\hat{p}]=i\hbar
\langle\psi|\hat{<M1>}|\psi\rangle
|\psi\rangle=⟦\alpha|\frac{1}{\sqrt{2}}⟧|0\rangle+⟦\beta|\frac{1}{\sqrt{2}}⟧|1\rangle
\nabla\cdot\mathbf{E}=\frac{\rho}{\varepsilon_0}
\nabla\times\mathbf{E}=-\frac{\partial\mathbf{B}}{\partial t}
\nabla\times\mathbf{B}=\mu_0\mathbf{J}+\mu_0\varepsilon_0\frac{\partial\mathbf{E}}{\partial t}
G_{\mu\nu}+\Lambda g_{\mu\nu}=\frac{8\pi G}{c^4}T_{\mu\nu}
R_{\mu\nu}-\frac{1}{2}Rg_{\mu\nu}=⟦0|\kappa T_{\mu\nu}⟧
<d>s^2=-c^2<d>t^2+<d>x^2+<d>y^2+<d>z^2
\gamma=\frac{1}{\sqrt{1-\frac{v^2}{c^2}}}
pV=nRT
S=k_{\mathrm{B}}\ln\Omega
<d>U=T<dd>S-p<dd>V
\eta=1-\frac{T_{\mathrm{C}}}{T_{\mathrm{H}}}
\lambda=\frac{h}{p}
\frac{1}{f}=\frac{1}{<d>_o}+\frac{1}{<d>_i}
T=2\pi\sqrt{\frac{⟦\ell|L|m⟧}{⟦g|k⟧}}
x(t)=A\cos(\omega t+\varphi)
\frac{<d>}{<d>t}\frac{\partial L}{\partial\dot{q}_<i1>}-\frac{\partial L}{\partial q_<i1>}=0
\rho\left(\frac{\partial\mathbf{u}}{\partial t}+\mathbf{u}\cdot\nabla\mathbf{u}\right)=-\nabla p+\mu\nabla^2\mathbf{u}+\mathbf{f}
B_{\nu}(T)=\frac{2h\nu^3}{c^2}\frac{1}{e^{h\nu/k_{\mathrm{B}}T}-1}
N(t)=N_0e^{-\lambda t}
n_1\sin\theta_1=n_2\sin\theta_2
P=\frac{V^2}{R}
Z=\sqrt{R^2+\left(\omega L-\frac{1}{\omega C}\right)^2}
v=v_0+at
s=v_0t+\frac{1}{2}at^2
\psi_{<n1>}(x)=\sqrt{\frac{2}{L}}\sin\left(\frac{<n1>\pi x}{L}\right)
\oint\mathbf{B}\cdot<d>\boldsymbol{\ell}=\mu_0I_{\mathrm{enc}}
-- quantities and units
<c1>=<num><unit>
<c1>=\frac{<num><unit>}{<num><unit>}
<c1>=(<num>\pm<dec>)<unit>
<c1>\approx<num>\times10^{⟦-|⟧<dig>}<unit>
g=9.81\,\mathrm{m\,s^{-2}}
c=299\,792\,458\,\mathrm{m/s}
h=6.626\times10^{-34}\,\mathrm{J\,s}
<num>\,\mathrm{kg}\cdot<num>\,\mathrm{m/s^{2}}=<num>\,\mathrm{N}
<dig>\frac{<dig>}{<dig>}⟦+|-|\times|\div⟧<dig>\frac{<dig>}{<dig>}=<num>
<arith>
<arith>
<num>\%\cdot<num>=<num>
\frac{<num>}{<num>}\approx<dec>
-- chemistry
⟦2|⟧\mathrm{H_{2}}+\mathrm{O_{2}}⟦\rightarrow|\longrightarrow⟧2\mathrm{H_{2}O}
\mathrm{CH_{4}}+2\mathrm{O_{2}}\rightarrow\mathrm{CO_{2}}+2\mathrm{H_{2}O}
\mathrm{N_{2}}+3\mathrm{H_{2}}\rightleftharpoons2\mathrm{NH_{3}}
<chem>⟦+<chem>|⟧⟦\rightarrow|\rightleftharpoons|\xrightarrow{\Delta}|\longrightarrow⟧<chem>⟦+<chem>|⟧
<dig><chem>+<chem>⟦\rightarrow|\rightleftharpoons⟧<dig><chem>
\mathrm{pH}=-\log_{10}[\mathrm{H^{+}}]
K_{\mathrm{a}}=\frac{[\mathrm{H^{+}}][\mathrm{A^{-}}]}{[\mathrm{HA}]}
k=Ae^{-E_{\mathrm{a}}/RT}
\Delta G^{\circ}=\Delta H^{\circ}-T\Delta S^{\circ}
E=E^{\circ}-\frac{RT}{nF}\ln Q
n(<chem>)=\frac{m}{M}=\frac{<num>\,\mathrm{g}}{<num>\,\mathrm{g/mol}}
{}^{<num>}_{<dig>}\mathrm{⟦U|Th|C|Ra|Rn⟧}\rightarrow{}^{<num>}_{<dig>}\mathrm{⟦He|Th|N|Pb|Po⟧}+⟦\alpha|\beta^{-}|\gamma⟧
"""

_LARGE = r"""
-- matrices
<M1>=<matrix>
<matrix><matrix>=<matrix>
\det<matrix>=<expr>
<vmatrix>=<c1><c2>-<c3><c4>
<matrix><column>=<column>
R(\theta)=\begin{pmatrix}\cos\theta&-\sin\theta\\\sin\theta&\cos\theta\end{pmatrix}
<M1>^{-1}=\frac{1}{<c1><c4>-<c2><c3>}\begin{<fence1>matrix}<c4>&-<c2>\\-<c3>&<c1>\end{<fence1>matrix}
J=\begin{<fence1>matrix}\frac{\partial<f1>}{\partial<x1>}&\frac{\partial<f1>}{\partial<x2>}\\\frac{\partial<f2>}{\partial<x1>}&\frac{\partial<f2>}{\partial<x2>}\end{<fence1>matrix}
<v1>\times<v2>=\begin{vmatrix}\mathbf{i}&\mathbf{j}&\mathbf{k}\\<x1>_1&<x1>_2&<x1>_3\\<x2>_1&<x2>_2&<x2>_3\end{vmatrix}
<M1>=\begin{<fence1>matrix}<c1>_{11}&<c1>_{12}&\cdots&<c1>_{1<n1>}\\<c1>_{21}&<c1>_{22}&\cdots&<c1>_{2<n1>}\\\vdots&\vdots&\ddots&\vdots\\<c1>_{<n2>1}&<c1>_{<n2>2}&\cdots&<c1>_{<n2><n1>}\end{<fence1>matrix}
\left(\begin{array}{ccc|c}<dig>&<dig>&<dig>&<num>\\<dig>&0&<dig>&<num>\\0&<dig>&<dig>&<num>\end{array}\right)
\sigma_x=\begin{pmatrix}0&1\\1&0\end{pmatrix},\quad\sigma_y=\begin{pmatrix}0&-i\\i&0\end{pmatrix},\quad\sigma_z=\begin{pmatrix}1&0\\0&-1\end{pmatrix}
-- cases
<f1>(<x1>)=<cases>
|<x1>|=\begin{cases}<x1>&\text{if }<x1>\geq0\\-<x1>&\text{if }<x1><0\end{cases}
<f1>(<x1>)=\begin{cases}<expr>,&<x1>⟦<|\leq⟧<c1>,\\<expr>,&<c1>⟦<|\leq⟧<x1><<c2>,\\0,&\text{otherwise.}\end{cases}
\delta_{<i1><i2>}=\begin{cases}1&\text{if }<i1>=<i2>\\0&\text{if }<i1>\neq<i2>\end{cases}
\operatorname{sgn}(<x1>)=\begin{cases}1,&<x1>>0\\0,&<x1>=0\\-1,&<x1><0\end{cases}
\left\{\begin{array}{l}<lin>\\<lin>\end{array}\right.
\begin{cases}<lin>\\<lin>⟦|\\<lin>⟧\end{cases}
\begin{cases}\dot{<x1>}=<expr>\\\dot{<x2>}=<expr>\end{cases}
-- several lines
<lines>
<derivation>
<derivation>
\begin{aligned}<al>\\<al>⟦|\\<al>⟧\end{aligned}
\begin{aligned}\nabla\cdot\mathbf{E}&=\frac{\rho}{\varepsilon_0}\\\nabla\cdot\mathbf{B}&=0\\\nabla\times\mathbf{E}&=-\frac{\partial\mathbf{B}}{\partial t}\\\nabla\times\mathbf{B}&=\mu_0\mathbf{J}+\mu_0\varepsilon_0\frac{\partial\mathbf{E}}{\partial t}\end{aligned}
\begin{aligned}(<x1>+<x2>)^2&=(<x1>+<x2>)(<x1>+<x2>)\\&=<x1>^2+2<x1><x2>+<x2>^2\end{aligned}
\begin{gathered}<lin>\\<lin>\end{gathered}
\begin{aligned}\min_{<v1>}\quad&<v2>^{\top}<v1>\\\text{s.t.}\quad&<M1><v1>\leq<v3>\\&<v1>\geq0\end{aligned}
-- braces and the like
\underbrace{<x1>+<x1>+\cdots+<x1>}_{<n1>\text{ times}}=<n1><x1>
\overbrace{<expr>}^{<n1>}+\underbrace{<expr>}_{⟦=0|\geq0|<n2>⟧}
\boxed{<x1>=<expr>}
<x1>_1<<x1>_2<\cdots<<x1>_{<n1>}
\underset{<x1>\in<A1>}{\operatorname{arg\,min}}\;<f1>(<x1>)
<x1>\overset{⟦\mathrm{def}|!|?⟧}{=}<expr>
\left.\frac{\partial<f1>}{\partial<x1>}\right|_{<x1>=<c1>}=<expr>
\left.<expr>\right|_{<x1>=0}^{<x1>=<c1>}
\left(\frac{<expr>}{<expr>}\right)^{<dig>}⟦+|-⟧\left[\frac{<expr>}{<expr>}\right]^{<n1>}=<expr>
\left\|\frac{<v1>}{\|<v1>\|}-\frac{<v2>}{\|<v2>\|}\right\|^2
\text{if }<expr>=0\text{ then }<x1>=<num>
<f1>(<x1>)=<expr>\quad\text{⟦for all |for |where |with ⟧}<x1>⟦\in<N>|>0|\geq<dig>⟧
<expr>=<expr>,\qquad<x1>⟦=1,2,\ldots,<n1>|\neq0|\in<N>⟧
"""


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line and not line.startswith("--"))


# For a line of text as well as a display.
SHORT = _lines(_SHORT)
# Displays only.
LARGE = _lines(_LARGE)
